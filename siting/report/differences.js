
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("run-data").textContent);
  const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const point = ([x, y]) => [y / data.scale, x / data.scale];
  const line = (flat) => {
    let [x, y] = flat;
    const points = [point([x, y])];
    for (let i = 2; i < flat.length; i += 2) points.push(point([(x += flat[i]), (y += flat[i + 1])]));
    return points;
  };
  const map = L.map("map", { preferCanvas: true, zoomSnap: 0.25, zoomDelta: 0.5, fadeAnimation: false });
  map.attributionControl.setPrefix("Leaflet");
  const credits = data.credits.map((text) => make("span", text).innerHTML).join("; ");
  if (credits) map.attributionControl.addAttribution(credits);
  L.control.scale({ imperial: false }).addTo(map);
  for (const [i, colour, weight] of [[2, "#c3c9d0", 0.7], [1, "#9aa4af", 1.2], [0, "#6d7884", 2]])
    L.polyline(data.roads[i].map(line), { color: colour, weight, interactive: false }).addTo(map);

  const only = ["#c2410c", "#00805f", "#7e22ce", "#a16207", "#be185d", "#4d7c0f"];
  const kinds = new Map();
  const kindOf = (site) =>
    site.status === "some" ? `only in ${site.in}`
      : site.status === "changed" ? "in all plans, different chargers"
        : site.old ? "existing, in all plans" : "in all plans, same chargers";
  const fixed = { "existing, in all plans": "#111827", "in all plans, same chargers": "#1e3a8a", "in all plans, different chargers": "#f0b000" };
  for (const name of [...Object.keys(fixed), ...[...new Set(data.sites.map(kindOf))].sort()])
    if (!kinds.has(name) && data.sites.some((site) => kindOf(site) === name)) {
      const taken = [...kinds.keys()].filter((k) => !(k in fixed)).length;
      kinds.set(name, { colour: fixed[name] || only[taken % only.length], layer: L.layerGroup().addTo(map), count: 0 });
    }
  const popup = (site) => {
    const box = make("div", "");
    box.append(make("b", site.name || site.id));
    data.runs.forEach((run, i) =>
      box.append(make("div", `${run}: ${site.chargers[i] || "nothing"}${site.kwh[i] === null ? "" : `, serves ${site.kwh[i].toLocaleString("en")} kWh/day`}`)));
    return box;
  };
  const markers = data.sites.map((site) => {
    const kind = kinds.get(kindOf(site));
    kind.count += 1;
    return L.circleMarker(point(site.at), {
      radius: site.status === "all" ? 5 : 7, color: "#fff", weight: 1.2, fillColor: kind.colour, fillOpacity: 0.95,
    }).bindPopup(() => popup(site)).addTo(kind.layer);
  });
  const form = document.getElementById("layers");
  for (const [name, kind] of kinds) {
    const label = make("label", ""), box = make("input", ""), key = make("i", "");
    Object.assign(box, { type: "checkbox", checked: true });
    key.className = "key";
    key.style.background = kind.colour;
    key.style.borderRadius = "50%";
    box.addEventListener("change", () => (box.checked ? kind.layer.addTo(map) : map.removeLayer(kind.layer)));
    label.append(box, key, `${name} (${kind.count})`);
    form.append(label);
  }
  const differing = data.sites.map((site, i) => [site, i]).filter(([site]) => site.status !== "all");
  for (const row of document.querySelectorAll("#site-table tbody tr"))
    row.addEventListener("click", () => {
      const marker = markers[differing[Number(row.dataset.site)][1]];
      map.setView(marker.getLatLng(), Math.max(map.getZoom(), 14));
      marker.openPopup();
      document.getElementById("map").scrollIntoView({ block: "center" });
    });
  const bounds = L.latLngBounds(data.sites.map((site) => point(site.at)));
  if (bounds.isValid()) map.fitBounds(bounds.pad(0.08));
  else map.setView([30, 70], 5);
  // The drawing is part of the page only once the map has a view.
  const drawing = document.querySelector("#map canvas");
  drawing?.setAttribute("role", "img");
  drawing?.setAttribute("aria-label", "Roads and stations; the tables below have the figures");
  document.body.dataset.ready = "yes";
})();
