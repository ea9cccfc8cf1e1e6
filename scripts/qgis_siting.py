"""Run a configuration from QGIS (a Processing script), and add the plan to the map.

In QGIS, open the Processing Toolbox, choose the Python icon and "Add Script to Toolbox…", and
select this file. The script then appears under Scripts, Siting. QGIS needs no packages of siting,
because the script starts the program `siting` as in a terminal. It shows the output of the program
in the log.
"""

import os
import subprocess
from pathlib import Path

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsVectorLayer,
)

# Layers for the map, beginning with the top layer.
SHOWN = ("sites", "roads", "isochrones", "demand")


class RunSiting(QgsProcessingAlgorithm):
    """An algorithm that runs a configuration into a new or empty folder."""

    def name(self):
        return "siting_run"

    def displayName(self):
        return "Plan charging stations"

    def group(self):
        return "Siting"

    def groupId(self):
        return "siting"

    def shortHelpString(self):
        return (
            "Runs a configuration of siting and adds the plan's layers to the project. The budget "
            "and the changes, one key.path=value a line, replace what the configuration says. "
            "Nothing of the map is sent anywhere."
        )

    def createInstance(self):
        return RunSiting()

    def initAlgorithm(self, configuration=None):
        file = QgsProcessingParameterFile.File
        self.addParameter(
            QgsProcessingParameterFile(
                "CONFIG", "Configuration", file, fileFilter="YAML (*.yaml *.yml)"
            )
        )
        self.addParameter(
            QgsProcessingParameterNumber("BUDGET_MPKR", "Public budget, million PKR", optional=True,
                                         type=QgsProcessingParameterNumber.Double, minValue=0)
        )  # fmt: skip
        self.addParameter(
            QgsProcessingParameterString(
                "CHANGES", "Changes, key.path=value a line", optional=True, multiLine=True
            )
        )
        self.addParameter(QgsProcessingParameterString("PROGRAM", "Program", "siting"))
        self.addParameter(QgsProcessingParameterBoolean("SHOW", "Add to the map", True))
        self.addParameter(QgsProcessingParameterFolderDestination("OUT", "Folder of the run"))
        self.addOutput(QgsProcessingOutputString("PLAN", "GeoPackage of the plan"))

    def processAlgorithm(self, parameters, context, feedback):
        out = self.parameterAsString(parameters, "OUT", context)
        command = [self.parameterAsString(parameters, "PROGRAM", context), "run"]
        command += [self.parameterAsFile(parameters, "CONFIG", context), "--out", out]
        if parameters.get("BUDGET_MPKR") is not None:
            budget = 1e6 * self.parameterAsDouble(parameters, "BUDGET_MPKR", context)
            command += ["--set", f"program.budget_pkr={budget:.0f}"]
        for line in self.parameterAsString(parameters, "CHANGES", context).splitlines():
            command += ["--set", line.strip()] if line.strip() else []
        self._follow(command, feedback)
        plan = Path(out) / "plan.gpkg"
        if self.parameterAsBoolean(parameters, "SHOW", context):
            for name in reversed(SHOWN):
                uri = f"{plan}|layername={name}"
                layer = QgsVectorLayer(uri, name, "ogr")
                if layer.isValid():
                    context.temporaryLayerStore().addMapLayer(layer)
                    context.addLayerToLoadOnCompletion(
                        layer.id(), context.LayerDetails(name, context.project(), name)
                    )
        return {"OUT": out, "PLAN": str(plan)}

    def _follow(self, command, feedback):
        """Run a command, show its output, and stop the command if the user cancels."""
        said = []
        # With the Python paths of QGIS, the Python of siting would not find its packages.
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                encoding="utf-8", errors="replace", env=env,
            )  # fmt: skip
        except OSError as err:
            raise QgsProcessingException(
                f"{command[0]} cannot be started ({err.strerror}); name the program siting with "
                "its folder, as `which siting` tells it"
            ) from err
        with process:
            for line in process.stdout:
                said.append(line.rstrip())
                feedback.pushInfo(said[-1])
                if feedback.isCanceled():
                    process.terminate()
        if process.returncode:
            raise QgsProcessingException("\n".join(["siting stopped:", *said[-20:]]))
