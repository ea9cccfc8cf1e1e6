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

  const map = L.map("map", { zoomSnap: 0.25, zoomDelta: 0.5, fadeAnimation: false });
  map.attributionControl.setPrefix("Leaflet");
  const credits = run.credits.map((text) => make("span", text).innerHTML).join("; ");
  if (credits) map.attributionControl.addAttribution(credits);
  L.control.scale({ imperial: false }).addTo(map);
  // Drawn as SVG: on paper it stays sharp, where a browser may leave out a canvas.
  const pane = (name, z) => {
    map.createPane(name).style.zIndex = z;
    return L.svg({ pane: name, padding: 0.3 });
  };
  const layers = {
    wanted: L.layerGroup(), roads: L.layerGroup(), unserved: L.layerGroup(),
    areas: L.layerGroup(), old: L.layerGroup(), new: L.layerGroup(),
  };
  const lines = L.layerGroup().addTo(map);
  // A plan in years: `at` is the year shown, at first the last one.
  let at = Math.max(run.years.length - 1, 0);
  const year = () => run.years[at];

  // Roads: three layers, the small ones first.
  const ground = pane("wanted", 405), tinted = pane("areas", 410), streets = pane("roads", 420);
  const missed = pane("unserved", 430), served = pane("service", 440);
  for (const [i, colour, weight] of [[2, "#c3c9d0", 0.7], [1, "#9aa4af", 1.2], [0, "#6d7884", 2]])
    L.polyline(run.roads[i].map(line), { renderer: streets, pane: "roads", color: colour, weight, interactive: false })
      .addTo(layers.roads);

  // Cells: shaded by what they want, a circle for what they do not get.
  let chosenClass = -1;
  const amount = (values) => (chosenClass < 0 ? sum(values) : values[chosenClass]);
  const wants = (i) => amount(year() ? year().wanted[i] : run.cells[i].wanted);
  const gets = (i) => amount(year() ? year().served[i] : run.cells[i].served);
  const told = (cell, i) => {
    const box = make("div", "");
    const wanted = wants(i), got = gets(i);
    box.append(make("b", cell.id), make("div", `wants ${kwh(wanted)} kWh/day`), make("div", `gets ${kwh(got)} kWh/day`));
    return box;
  };
  const cells = run.cells.map((cell, i) => {
    const style = { renderer: ground, pane: "wanted", weight: 0.4, color: "#fff" };
    const shape = cell.shape.length
      ? L.polygon(cell.shape.map((rings) => rings.map(line)), style)
      : L.circleMarker(point(cell.at), { ...style, radius: 5 });
    const gap = L.circleMarker(point(cell.at), { renderer: missed, pane: "unserved", color: "#fff", weight: 0.6, fillColor: "#d55e00", fillOpacity: 0.75, interactive: false });
    shape.bindPopup(() => told(cell, i)).addTo(layers.wanted);
    return { cell, shape, gap };
  });
  const area = (cell) => (run.unit === "kWh/day" ? 1 : cell.km2 || 1);
  const shade = () => {
    const breaks = run.breaks[chosenClass + 1];
    const colours = shades.slice(shades.length - breaks.length - 1);
    // One scale for all years, so that circles can be compared.
    const lack = (i, y) => (y ? amount(y.wanted[i]) - amount(y.served[i]) : wants(i) - gets(i));
    const most = (run.years.length ? run.years : [null]).reduce((top, y) => run.cells.reduce((t, _, i) => Math.max(t, lack(i, y)), top), 1e-9);
    const { x, y } = map.getSize();
    const largest = Math.min(12, x / 85, Math.max(3, 0.5 * Math.sqrt((x * y) / cells.length)));
    cells.forEach(({ cell, shape, gap }, i) => {
      const wanted = wants(i) / area(cell);
      const bin = breaks.filter((limit) => wanted > limit).length;
      shape.setStyle({ fillColor: colours[bin], fillOpacity: wanted > 0 ? 0.85 : 0 });
      const left = wants(i) - gets(i);
      const show = left > 0.005 * most && left > 0.01;
      if (show) gap.setRadius(Math.max(1.5, largest * Math.sqrt(left / most))).addTo(layers.unserved);
      else layers.unserved.removeLayer(gap);
    });
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
  const icon = (site, kw) => {
    const size = Math.round(Math.max(9, 30 * Math.sqrt(kw / strongest)));
    return L.divIcon({ className: `site ${site.old ? "old" : "new"}`, iconSize: [size, size] });
  };
  for (const site of run.sites) {
    const marker = L.marker(point(site.at), { icon: icon(site, site.kw), title: site.name, alt: site.name, riseOnHover: true });
    marker.on("click", () => choose(site.id)).addTo(site.old ? layers.old : layers.new);
    markers.set(site.id, { site, marker });
  }

  // Service areas: a tint a station, in the year shown.
  const tints = ["#66c2a5", "#fc8d62", "#8da0cb", "#e78ac3", "#a6d854", "#e5c494"];
  const drawAreas = () => {
    layers.areas.clearLayers();
    for (const { site, hue, shape } of run.areas[at] || [])
      L.polygon(shape.map((rings) => rings.map(line)), { renderer: tinted, pane: "areas", color: "#4a5560", weight: 1, fillColor: tints[hue], fillOpacity: 0.45 })
        .on("click", () => choose(run.sites[site].id)).addTo(layers.areas);
  };
  drawAreas();

  // The year shown: what stands, its size, and the figures beside the slider.
  const showYear = () => {
    run.sites.forEach((site, i) => {
      const { marker } = markers.get(site.id), kw = year().kw[i];
      const layer = site.old ? layers.old : layers.new;
      if (kw === null) layer.removeLayer(marker);
      else marker.setIcon(icon(site, kw)).addTo(layer);
    });
    for (const tr of document.querySelectorAll("[data-year]")) {
      const on = Number(tr.dataset.year) === at;
      tr.classList.toggle("chosen", on);
      if (on && byId("year")) {
        byId("year-told").replaceChildren(make("b", String(year().year)), ` · ${tr.dataset.told}`);
        byId("year").setAttribute("aria-valuetext", `${year().year}: ${tr.dataset.told}`);
      }
    }
    drawAreas();
    shade();
    if (chosen) mark(markers.get(chosen).marker.getElement(), true);
  };
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
  if (byId("year")) byId("year").addEventListener("input", (event) => { at = Number(event.target.value); showYear(); });

  // Tables: sorted by a heading.
  const sortKey = (tr, i) => {
    const data = tr.cells[i].querySelector("data");
    return data ? (data.value === "" ? -Infinity : Number(data.value)) : tr.cells[i].textContent;
  };
  const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, i) => head.querySelector("button")?.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      const up = was === "descending" || (was === "none" && !head.classList.contains("n"));
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * (order(sortKey(a, i), sortKey(b, i)) || 0));
      table.tBodies[0].append(...rows);
    }));
  }
  // A row shows its station or its district on the map.
  byId("site-table").tBodies[0].addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    if (tr && !event.target.closest("a")) choose(tr.dataset.site, true);
  });
  const outline = L.layerGroup().addTo(map), edge = pane("district", 450);
  byId("district-table")?.tBodies[0].addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    for (const other of tr.parentNode.rows) mark(other, other === tr);
    const name = tr.querySelector("bdi").textContent;
    const shape = L.polygon(run.districts[tr.dataset.district].map((rings) => rings.map(line)), { renderer: edge, pane: "district", color: "#b5179e", weight: 3, fill: false, interactive: false });
    outline.clearLayers();
    shape.addTo(outline);
    map.fitBounds(shape.getBounds(), { padding: [30, 30], maxZoom: 15, animate: false });
    L.tooltip({ permanent: true, direction: "top", content: make("bdi", name), className: "district" }).setLatLng([shape.getBounds().getNorth(), shape.getBounds().getCenter().lng]).addTo(outline);
    byId("plan-map").scrollIntoView();
  });
  const openCard = () => {
    const card = byId(decodeURIComponent(location.hash.slice(1)));
    if (!card || !card.matches("details")) return;
    byId("cards").open = card.open = true;
    card.scrollIntoView();
  };
  addEventListener("hashchange", openCard);

  const all = [...run.cells.map((c) => point(c.at)), ...run.sites.map((s) => point(s.at))];
  const frame = () => map.fitBounds(all.length ? all : [[24, 61], [37, 77]], { padding: [16, 16], animate: false });
  frame();
  if (run.years.length) showYear(); else shade();
  openCard();

  // On paper every card is open and the map as wide as the page.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not([open])")];
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
