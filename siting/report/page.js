"use strict";
(() => {
  const run = JSON.parse(document.getElementById("run-data").textContent);
  const shades = ["#dbe9f6", "#abcfe6", "#6aaed6", "#3080bd", "#08478e"];
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, name = "") =>
    Object.assign(document.createElement(tag), { textContent: text, className: name });
  const point = ([x, y]) => [y / run.scale, x / run.scale];
  const line = (flat) => {
    let [x, y] = flat;
    const points = [point([x, y])];
    for (let i = 2; i < flat.length; i += 2) points.push(point([(x += flat[i]), (y += flat[i + 1])]));
    return points;
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const kwh = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 });

  const map = L.map("map", { preferCanvas: true, zoomSnap: 0.25, zoomDelta: 0.5, fadeAnimation: false });
  map.attributionControl.setPrefix("Leaflet");
  const credits = run.credits.map((text) => make("span", text).innerHTML).join("; ");
  if (credits) map.attributionControl.addAttribution(credits);
  L.control.scale({ imperial: false }).addTo(map);
  const canvas = (name, z) => {
    map.createPane(name).style.zIndex = z;
    return L.canvas({ pane: name, padding: 0.3 });
  };
  const layers = {
    wanted: L.layerGroup(), roads: L.layerGroup(), unserved: L.layerGroup(),
    old: L.layerGroup(), new: L.layerGroup(),
  };
  const lines = L.layerGroup().addTo(map);

  // Roads: three layers, the small ones first.
  const ground = canvas("wanted", 410), streets = canvas("roads", 420);
  const missed = canvas("unserved", 430), served = canvas("service", 440);
  for (const [i, colour, weight] of [[2, "#c3c9d0", 0.7], [1, "#9aa4af", 1.2], [0, "#6d7884", 2]])
    L.polyline(run.roads[i].map(line), { renderer: streets, pane: "roads", color: colour, weight, interactive: false })
      .addTo(layers.roads);

  // Cells: shaded by what they want, a circle for what they do not get.
  let chosenClass = -1;
  const amount = (values) => (chosenClass < 0 ? sum(values) : values[chosenClass]);
  const told = (cell) => {
    const box = make("div", "");
    const wanted = amount(cell.wanted), got = amount(cell.served);
    box.append(make("b", cell.id), make("div", `wants ${kwh(wanted)} kWh/day`), make("div", `gets ${kwh(got)} kWh/day`));
    return box;
  };
  const cells = run.cells.map((cell) => {
    const style = { renderer: ground, pane: "wanted", weight: 0.4, color: "#fff" };
    const shape = cell.shape.length
      ? L.polygon(cell.shape.map((rings) => rings.map(line)), style)
      : L.circleMarker(point(cell.at), { ...style, radius: 5 });
    const gap = L.circleMarker(point(cell.at), { renderer: missed, pane: "unserved", color: "#fff", weight: 0.6, fillColor: "#d55e00", fillOpacity: 0.75, interactive: false });
    shape.bindPopup(() => told(cell)).addTo(layers.wanted);
    return { cell, shape, gap };
  });
  const area = (cell) => (run.unit === "kWh/day" ? 1 : cell.km2 || 1);
  const shade = () => {
    const breaks = run.breaks[chosenClass + 1];
    const colours = shades.slice(shades.length - breaks.length - 1);
    const most = run.cells.reduce((top, c) => Math.max(top, amount(c.wanted) - amount(c.served)), 1e-9);
    const largest = Math.min(12, Math.max(5, map.getSize().x / 85));
    for (const { cell, shape, gap } of cells) {
      const wanted = amount(cell.wanted) / area(cell);
      const bin = breaks.filter((limit) => wanted > limit).length;
      shape.setStyle({ fillColor: colours[bin], fillOpacity: wanted > 0 ? 0.85 : 0 });
      const left = amount(cell.wanted) - amount(cell.served);
      const show = left > 0.005 * most && left > 0.01;
      if (show) gap.setRadius(Math.max(1.5, largest * Math.sqrt(left / most))).addTo(layers.unserved);
      else layers.unserved.removeLayer(gap);
    }
    const legend = byId("legend");
    legend.replaceChildren(make("span", `Wanted, ${run.unit}:`));
    colours.forEach((colour, i) => {
      const item = make("span", "");
      item.append(Object.assign(make("i", ""), { style: `background:${colour}` }));
      item.append(breaks.length === 0 ? "any" : i === 0 ? `up to ${kwh(breaks[0])}` : i === breaks.length ? `over ${kwh(breaks[i - 1])}` : `to ${kwh(breaks[i])}`);
      legend.append(item);
    });
    legend.append(make("span", most > 0.01 ? `Largest circle: ${kwh(most)} kWh/day not served` : "All of it is served"));
  };

  // Stations.
  const strongest = run.sites.reduce((top, site) => Math.max(top, site.kw), 1);
  const markers = new Map();
  for (const site of run.sites) {
    const size = Math.round(Math.max(9, 30 * Math.sqrt(site.kw / strongest)));
    const icon = L.divIcon({ className: `site ${site.old ? "old" : "new"}`, iconSize: [size, size] });
    const marker = L.marker(point(site.at), { icon, title: site.name, alt: site.name, riseOnHover: true });
    marker.on("click", () => choose(site.id)).addTo(site.old ? layers.old : layers.new);
    markers.set(site.id, { site, marker });
  }
  const mark = (element, on) => element && element.classList.toggle("chosen", on);
  const row = (id) => document.querySelector(`[data-site="${CSS.escape(id)}"]`);
  let chosen = null;
  const choose = (id, move = false) => {
    if (chosen) for (const e of [row(chosen), markers.get(chosen).marker.getElement()]) mark(e, false);
    chosen = id;
    const { site, marker } = markers.get(id);
    for (const e of [row(id), marker.getElement()]) mark(e, true);
    lines.clearLayers();
    const most = site.service.reduce((top, value, i) => (i % 3 === 1 ? Math.max(top, value) : top), 1e-9);
    for (let i = 0; i < site.service.length; i += 3) {
      const weight = 1 + 4 * Math.sqrt(site.service[i + 1] / most);
      const cell = run.cells[site.service[i]];
      const outline = { renderer: served, pane: "service", color: "#b5179e", weight: 1, fill: false, interactive: false };
      if (cell.shape.length) L.polygon(cell.shape.map((rings) => rings.map(line)), outline).addTo(lines);
      L.polyline([point(cell.at), point(site.at)], { renderer: served, pane: "service", color: "#b5179e", opacity: 0.75, weight, interactive: false }).addTo(lines);
    }
    const card = document.querySelector(`[data-card="${CSS.escape(id)}"]`);
    const heading = make("h3", "");
    heading.append(...[...card.querySelector("summary").childNodes].filter((n) => n.nodeName !== "SMALL").map((n) => n.cloneNode(true)));
    byId("panel").replaceChildren(heading, card.querySelector(".body").cloneNode(true));
    if (move) {
      const near = [point(site.at)];
      for (let i = 0; i < site.service.length; i += 3) near.push(point(run.cells[site.service[i]].at));
      map.fitBounds(near, { padding: [50, 50], maxZoom: 15, animate: false });
      byId("plan-map").scrollIntoView();
    }
  };

  // Layers on and off, and the class shown.
  for (const box of document.querySelectorAll("[data-layer]")) {
    const set = () => (box.checked ? layers[box.dataset.layer].addTo(map) : layers[box.dataset.layer].remove());
    box.addEventListener("change", () => { set(); if (chosen) mark(markers.get(chosen).marker.getElement(), true); });
    set();
  }
  byId("class").addEventListener("change", (event) => { chosenClass = Number(event.target.value); shade(); });

  // The table: sorted by a heading, a row shows its station.
  const table = byId("site-table"), heads = [...table.tHead.rows[0].cells];
  const sortKey = (tr, i) => {
    const data = tr.cells[i].querySelector("data");
    return data ? (data.value === "" ? -Infinity : Number(data.value)) : tr.cells[i].textContent;
  };
  heads.forEach((head, i) => head.firstElementChild.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") === "descending" || (head.getAttribute("aria-sort") === "none" && !head.classList.contains("n"));
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * (order(sortKey(a, i), sortKey(b, i)) || 0));
    table.tBodies[0].append(...rows);
  }));
  table.tBodies[0].addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    if (tr && !event.target.closest("a")) choose(tr.dataset.site, true);
  });
  const openCard = () => {
    const card = byId(decodeURIComponent(location.hash.slice(1)));
    if (card && card.matches("details")) card.open = true;
  };
  addEventListener("hashchange", openCard);

  const all = [...run.cells.map((c) => point(c.at)), ...run.sites.map((s) => point(s.at))];
  const frame = () => map.fitBounds(all.length ? all : [[24, 61], [37, 77]], { padding: [16, 16], animate: false });
  frame();
  shade();
  openCard();

  // On paper every card is open and the map as wide as the page.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const part of closed) part.open = true;
    Object.assign(byId("map").style, { width: "180mm", height: "165mm" });
    map.invalidateSize({ animate: false });
    frame();
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
    Object.assign(byId("map").style, { width: "", height: "" });
    map.invalidateSize({ animate: false });
    frame();
  });
  document.body.dataset.ready = "yes";
})();
