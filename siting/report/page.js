"use strict";
(() => {
  const run = JSON.parse(document.getElementById("run-data").textContent);
  const shades = ["#dbe9f6", "#abcfe6", "#6aaed6", "#3080bd", "#08478e"];
  // A Map, because a text may equal the name of an object's own property.
  const words = new Map(Object.entries(run.words));
  const byId = (id) => document.getElementById(id);
  // For other languages: looks up English texts without their numbers. Names (bdi) are not looked up.
  const say = (text) => {
    const numbers = [], key = text.replace(/(?<![\w.])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])/g, (n) => (numbers.push(n), "#"));
    const found = words.get(key.trim().toLowerCase());
    return found ? found.replace(/\{(\d)\}/g, (_, i) => numbers[i - 1]) : text;
  };
  const make = (tag, text, name = "") =>
    Object.assign(document.createElement(tag), { textContent: tag === "bdi" ? text : say(text), className: name });
  const point = ([x, y]) => [y / run.scale, x / run.scale];
  const line = (flat) => {
    let [x, y] = flat;
    const points = [point([x, y])];
    for (let i = 2; i < flat.length; i += 2) points.push(point([(x += flat[i]), (y += flat[i + 1])]));
    return points;
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const kwh = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 });

  const map = L.map("map", { zoomSnap: 0.25, zoomDelta: 0.5, fadeAnimation: false, scrollWheelZoom: false });
  // The wheel scrolls the page, unless the map has the focus.
  map.getContainer().addEventListener("focusin", () => map.scrollWheelZoom.enable());
  map.getContainer().addEventListener("focusout", () => map.scrollWheelZoom.disable());
  map.attributionControl.setPrefix("Leaflet");
  const credits = run.credits.map((text) => make("span", text).innerHTML).join("; ");
  if (credits) map.attributionControl.addAttribution(credits);
  L.control.scale({ imperial: false }).addTo(map);
  const corner = L.control({ position: "topright" });
  corner.onAdd = () => {
    const box = make("div", "", "map-title");
    box.append(make("b", ""), make("span", "N", "north"));
    box.firstChild.append(make("bdi", run.title));
    return box;
  };
  corner.addTo(map);
  // Online tiles are requested only when the reader switches them on.
  const tiles = L.tileLayer("https://tile.openstreetmap.org/{z}/{x}/{y}.png", { maxZoom: 19, attribution: "map: &copy; OpenStreetMap contributors" });
  // The map is drawn as SVG, which stays sharp on paper; browsers may leave out a canvas in print.
  const pane = (name, z, label) => {
    map.createPane(name).style.zIndex = z;
    return L.svg({ pane: name, padding: 0.3 }).on("add", () => {
      const svg = map.getPane(name).querySelector("svg");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", say(label));
    });
  };
  const layers = {
    wanted: L.layerGroup(), roads: L.layerGroup(), unserved: L.layerGroup(),
    areas: L.layerGroup(), minutes: L.layerGroup(), old: L.layerGroup(), new: L.layerGroup(),
  };
  const lines = L.layerGroup().addTo(map);
  // For a plan with years: `at` is the position of the year shown, initially the last year.
  let at = Math.max(run.years.length - 1, 0);
  const year = () => run.years[at];

  // Areas by minutes to the nearest station.
  const timed = pane("minutes", 408, "Minutes to a station");
  for (const { told, colour, shape } of run.minutes)
    L.polygon(shape.map((rings) => rings.map(line)), { renderer: timed, pane: "minutes", stroke: false, fillColor: colour, fillOpacity: 0.6 })
      .bindTooltip(say(told), { sticky: true }).addTo(layers.minutes);

  // Roads: three layers, the small ones first.
  const ground = pane("wanted", 405, "Demand"), tinted = pane("areas", 410, "Service areas"), streets = pane("roads", 420, "Roads");
  const missed = pane("unserved", 430, "Energy not served"), served = pane("service", 440, "Served by the chosen station");
  const drawn = [[2, "#b4bbc3", 0.7], [1, "#8d97a3", 1.3], [0, "#66717d", 2.2]].map(([i, colour, weight]) => [
    L.polyline(run.roads[i].map(line), { renderer: streets, pane: "roads", color: colour, weight, interactive: false })
      .addTo(layers.roads), weight]);

  // Cells: a shade for the demand, a circle for unserved demand.
  let chosenClass = -1;
  const amount = (values) => (chosenClass < 0 ? sum(values) : values[chosenClass]);
  const wants = (i) => amount(year() ? year().wanted[i] : run.cells[i].wanted);
  const gets = (i) => amount(year() ? year().served[i] : run.cells[i].served);
  const told = (cell, i) => {
    const box = make("div", "");
    const wanted = wants(i), got = gets(i);
    box.append(make("b", cell.id), make("div", `demand ${kwh(wanted)} kWh/day`), make("div", `served ${kwh(got)} kWh/day`));
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
  // On a zoomed-in map, the streets matter more than the shade.
  const opacity = () => (map.hasLayer(tiles) ? 0.4 : 0.85) * (map.getZoom() >= 15 ? 0.35 : map.getZoom() >= 14 ? 0.7 : 1);
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
      shape.setStyle({ fillColor: colours[bin], fillOpacity: wanted > 0 ? opacity() : 0 });
      const left = wants(i) - gets(i);
      const show = left > 0.005 * most && left > 0.01;
      if (show) gap.setRadius(Math.max(1.5, largest * Math.sqrt(left / most))).addTo(layers.unserved);
      else layers.unserved.removeLayer(gap);
    });
    const legend = byId("legend");
    const explain = (colour, text) => {
      legend.append(make("span", ""));
      legend.lastChild.append(Object.assign(make("i", ""), { style: `background:${colour}` }), say(text));
    };
    legend.replaceChildren(make("span", `Demand, ${run.unit}:`));
    colours.forEach((colour, i) => explain(colour,
      breaks.length === 0 ? "any" : i === 0 ? `up to ${kwh(breaks[0])}` : i === breaks.length ? `over ${kwh(breaks[i - 1])}` : `to ${kwh(breaks[i])}`));
    legend.append(make("span", most > 0.01 ? `Largest circle: ${kwh(most)} kWh/day not served` : "All demand is served"));
    if (map.hasLayer(layers.minutes))
      for (const { told, colour } of run.minutes) explain(colour, told);
    if (chosenClass >= 0) legend.append(make("span", `${run.sites.filter((_, i) => shown(i)).length} of ${run.sites.length} stations serve this class`));
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
    marker.on("click", () => choose(site.id)).on("keydown", ({ originalEvent: e }) => ["Enter", " "].includes(e.key) && (e.preventDefault(), choose(site.id))).addTo(site.old ? layers.old : layers.new);
    markers.set(site.id, { site, marker });
  }
  // A station is shown in the years in which it exists, if it serves the chosen class.
  const shown = (i) => (!year() || year().kw[i] !== null) && (chosenClass < 0 || run.sites[i].kwh[chosenClass] > 0);
  const showStations = () => {
    run.sites.forEach((site, i) => {
      const { marker } = markers.get(site.id), layer = site.old ? layers.old : layers.new;
      if (!shown(i)) layer.removeLayer(marker);
      else marker.setIcon(icon(site, year() ? year().kw[i] : site.kw)).addTo(layer);
      if (row(site.id)) row(site.id).hidden = chosenClass >= 0 && !(site.kwh[chosenClass] > 0);
    });
    if (chosen) mark(markers.get(chosen).marker.getElement(), true);
  };

  // Service areas in the year shown: each has its station's id and a tint that no adjacent area has.
  const TINTS = ["#8dd3c7", "#fdb462", "#bebada", "#fb8072", "#80b1d3", "#b3de69", "#fccde5", "#ffed6f"];
  const drawAreas = () => {
    layers.areas.clearLayers();
    for (const { site, shape, tint } of run.areas[at] || [])
      if (shown(site))
        L.polygon(shape.map((rings) => rings.map(line)), { renderer: tinted, pane: "areas", color: "#5b2a86", weight: 1.6, fillColor: TINTS[tint % TINTS.length], fillOpacity: 0.45 })
          .on("click", () => choose(run.sites[site].id)).addTo(layers.areas);
    nameAll();
  };

  // Names of parts of the city and of roads: the more important first, without overlaps.
  map.createPane("names").style.zIndex = 640;
  const letters = map.getPane("names");
  letters.setAttribute("aria-hidden", "true");
  const nameAll = () => {
    letters.replaceChildren();
    if (!map._loaded) return;
    const zoom = map.getZoom(), size = map.getSize(), taken = [];
    const put = (text, at, angle, kind) => {
      const p = map.latLngToContainerPoint(at);
      const wide = 4 + text.length * (kind === "part" ? 8 : 6.2), turned = Math.abs(Math.sin((angle * Math.PI) / 180));
      const w = wide * (1 - turned) + 14 * turned, h = wide * turned + 14 * (1 - turned);
      const box = [p.x - w / 2, p.y - h / 2, p.x + w / 2, p.y + h / 2];
      if (box[0] < 0 || box[1] < 0 || box[2] > size.x || box[3] > size.y) return;
      if (taken.some((t) => box[0] < t[2] + 8 && box[2] > t[0] - 8 && box[1] < t[3] + 3 && box[3] > t[1] - 3)) return;
      // A name is repeated only far from its previous position.
      if (taken.some((t) => t.text === text && Math.hypot(t[0] - box[0], t[1] - box[1]) < 320)) return;
      taken.push(Object.assign(box, { text }));
      const q = map.latLngToLayerPoint(at), name = make("bdi", text, `label ${kind}`);
      name.style.transform = `translate(${Math.round(q.x)}px,${Math.round(q.y)}px) translate(-50%,-50%) rotate(${angle}deg)`;
      letters.append(name);
    };
    if (map.hasLayer(layers.areas))
      for (const { site } of run.areas[at] || []) if (shown(site)) put(run.sites[site].id, point(run.sites[site].at), 0, "area");
    for (const [text, x, y, rank] of run.parts) if (zoom >= (rank < 5 ? 10 : 12.5)) put(text, point([x, y]), 0, "part");
    if (map.hasLayer(layers.roads) && !map.hasLayer(tiles))
      for (const [text, x, y, angle, rank] of run.names) {
        if (taken.length > 90) break;
        if (zoom >= [11.5, 13.5, 15.25][rank]) put(text, point([x, y]), angle, "road");
      }
  };
  let close = null;
  map.on("zoomend", () => {
    const zoom = map.getZoom(), now = zoom >= 15 ? 2 : zoom >= 14 ? 1 : 0;
    if (now === close) return;
    close = now;
    for (const [lines, weight] of drawn) lines.setStyle({ weight: weight * (1 + 0.9 * now) });
    shade();
  });
  map.on("moveend zoomend resize layeradd layerremove", (e) => {
    if (!e.layer || e.layer === layers.areas || e.layer === layers.roads || e.layer === tiles) nameAll();
  });

  // The year shown: its stations, their sizes, and the figures beside the slider.
  const showYear = () => {
    for (const tr of document.querySelectorAll("[data-year]")) {
      const on = Number(tr.dataset.year) === at;
      tr.classList.toggle("chosen", on);
      if (on && byId("year")) {
        byId("year-told").replaceChildren(make("b", String(year().year)), ` · ${tr.dataset.told}`);
        byId("year").setAttribute("aria-valuetext", `${year().year}: ${tr.dataset.told}`);
      }
    }
    showStations();
    drawAreas();
    shade();
  };
  const mark = (element, on) => element && element.classList.toggle("chosen", on);
  const row = (id) => document.querySelector(`[data-site="${CSS.escape(id)}"]`);
  // A small picture of the streets around a station, drawn when its card opens.
  const picture = (body, site) => {
    const box = body.querySelector(".locator");
    if (!box || box.firstChild) return;
    const [x, y] = site.at, metre = run.scale / 111320, wide = 450 * metre;
    const flat = Math.cos((y / run.scale / 180) * Math.PI), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const add = (tag, attributes, text = "") => {
      const e = document.createElementNS(svg.namespaceURI, tag);
      for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
      e.textContent = text;
      svg.append(e);
    };
    for (const [name, value] of Object.entries({ viewBox: "0 0 300 150", role: "img", "aria-label": `Streets around ${site.name}` })) svg.setAttribute(name, value);
    const at = (px, py) => [(150 + ((px - x) * flat * 150) / wide).toFixed(1), (75 - ((py - y) * 150) / wide).toFixed(1)];
    // Whether a stretch from a to b may be visible, even if its ends or its middle lie outside.
    const seen = (a, b) => Math.min(a[0], b[0]) - x < 1.3 * wide / flat && x - Math.max(a[0], b[0]) < 1.3 * wide / flat &&
      Math.min(a[1], b[1]) - y < 0.8 * wide && y - Math.max(a[1], b[1]) < 0.8 * wide;
    for (const [i, colour, weight] of [[2, "#b4bbc3", 1.6], [1, "#8d97a3", 3], [0, "#66717d", 5]]) {
      let path = "";
      for (const way of run.roads[i]) {
        let before = [way[0], way[1]];
        for (let n = 2; n < way.length; n += 2) {
          const now = [before[0] + way[n], before[1] + way[n + 1]];
          if (seen(before, now)) path += `M${at(...before)}L${at(...now)}`;
          before = now;
        }
      }
      add("path", { d: path || "M0 0", stroke: colour, "stroke-width": weight, fill: "none", "stroke-linecap": "round" });
    }
    const taken = [];
    for (const [text, px, py] of run.names) {
      const [tx, ty] = at(px, py).map(Number);
      if (tx < 40 || tx > 260 || ty < 12 || ty > 140 || taken.some(([a, b]) => Math.abs(a - tx) < 90 && Math.abs(b - ty) < 14)) continue;
      taken.push([tx, ty]);
      add("text", { x: tx, y: ty + 3, "text-anchor": "middle" }, text);
      if (taken.length > 5) break;
    }
    add("circle", { cx: 150, cy: 75, r: 6, class: site.old ? "old" : "new" });
    add("path", { d: `M10 140h${((100 * metre * 150) / wide).toFixed(1)}`, stroke: "#1d2733", "stroke-width": 2 });
    add("text", { x: 12, y: 135 }, "100 m");
    box.append(svg);
  };
  // Cards of many stations are compressed and restored once the page is loaded.
  const setUpCards = () => {
    for (const card of document.querySelectorAll("[data-card]"))
      card.addEventListener("toggle", () => card.open && picture(card, markers.get(card.dataset.card).site));
    // Every mention of a station becomes a link to it on the map.
    const known = new RegExp(`\\b(${run.sites.map((s) => s.id.replace(/[^\w-]/g, "\\$&")).join("|") || "$^"})\\b`);
    for (const span of document.querySelectorAll(".why span")) {
      const parts = span.textContent.split(known);
      if (parts.length > 1)
        span.replaceChildren(...parts.map((text, i) => (i % 2 ? Object.assign(make("button", text, "link"), { type: "button" }) : text)));
      span.querySelectorAll("button").forEach((b) => (b.dataset.goto = b.textContent));
    }
    openCard();
    if (chosen) choose(chosen);
  };
  const unpack = async (text) => {
    const packed = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]).stream();
    byId("card-list").innerHTML = await new Response(packed.pipeThrough(new DecompressionStream("deflate"))).text();
    setUpCards();
  };
  document.addEventListener("click", (event) => {
    const to = event.target.closest("[data-goto]");
    if (to && markers.has(to.dataset.goto)) choose(to.dataset.goto, true);
  });

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
    if (run.live) return void parent.postMessage({ site: id }, "*");
    const card = document.querySelector(`[data-card="${CSS.escape(id)}"]`);
    if (!card) return; // still compressed
    const heading = make("h2", ""), back = make("button", "Back to the plan summary", "link");
    heading.append(...[...card.querySelector("summary").childNodes].filter((n) => n.nodeName !== "SMALL").map((n) => n.cloneNode(true)));
    back.type = "button";
    back.addEventListener("click", () => { document.body.classList.remove("one"); byId("map").focus(); });
    const body = card.querySelector(".body").cloneNode(true);
    picture(body, site);
    byId("panel").replaceChildren(back, heading, body);
    byId("panel").scrollTop = 0;
    document.body.classList.add("one");
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
    box.addEventListener("change", () => { set(); if (box.dataset.layer === "minutes") shade(); if (chosen) mark(markers.get(chosen).marker.getElement(), true); });
    set();
  }
  byId("class").addEventListener("change", (event) => { chosenClass = Number(event.target.value); showStations(); drawAreas(); shade(); });
  byId("tiles").addEventListener("change", (event) => { event.target.checked ? tiles.addTo(map) : tiles.remove(); shade(); });

  // Search: stations, streets and parts of the city by their names.
  const places = new Map(), spot = L.layerGroup().addTo(map);
  const listed = () => {
    if (places.size) return;
    for (const site of run.sites) places.set(site.name === site.id ? site.id : `${site.id} ${site.name}`, { site });
    for (const [text, x, y] of run.parts) places.set(text, { at: [[x, y]] });
    for (const [text, x, y] of run.names) {
      if (!places.has(text)) places.set(text, { at: [] });
      places.get(text).at?.push([x, y]);
    }
    byId("known").replaceChildren(...[...places.keys()].map((value) => Object.assign(make("option", ""), { value })));
  };
  const find = (text) => {
    listed();
    const wanted = text.trim().toLowerCase();
    const name = [...places.keys()].find((n) => n.toLowerCase() === wanted) || [...places.keys()].find((n) => n.toLowerCase().includes(wanted));
    byId("found").textContent = wanted && !name ? say("Nothing has this name") : "";
    if (!wanted || !name) return;
    const { site, at: points } = places.get(name);
    spot.clearLayers();
    if (site) return choose(site.id, true);
    const there = points.map(point);
    map.fitBounds(there, { padding: [60, 60], maxZoom: 15.5, animate: false });
    for (const p of there) L.circleMarker(p, { radius: 14, color: "#b5179e", weight: 3, fill: false, interactive: false }).addTo(spot);
    byId("found").textContent = name;
  };
  byId("find").addEventListener("focus", listed);
  byId("find").addEventListener("change", (event) => find(event.target.value));
  byId("layers").addEventListener("submit", (event) => { event.preventDefault(); find(byId("find").value); });
  if (byId("year")) byId("year").addEventListener("input", (event) => { at = Number(event.target.value); showYear(); });

  // Tables: a click on a heading sorts the rows.
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
  // On a phone, a row becomes a card in which each cell states its column.
  for (const table of document.querySelectorAll(".wide > table")) {
    const heads = [...(table.tHead?.rows[0].cells ?? [])].map((head) => head.textContent);
    for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")])
      part.setAttribute("role", { TABLE: "table", TR: "row", TD: "cell" }[part.tagName] ?? (part.tagName === "TH" ? (part.scope === "row" ? "rowheader" : "columnheader") : "rowgroup"));
    for (const tr of table.tBodies[0]?.rows ?? [])
      [...tr.cells].forEach((cell, i) => cell.colSpan === 1 && heads[i] && (cell.dataset.label = heads[i]));
  }
  // A click on a row shows its station or district on the map.
  byId("site-table").tBodies[0].addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    if (tr && !event.target.closest("a, [data-goto]")) choose(tr.dataset.site, true);
  });
  const outline = L.layerGroup().addTo(map), edge = pane("district", 450, "The chosen district");
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

  // In a notebook: the stations that the notebook sends, and clickable places without a station.
  if (run.live) {
    const dots = pane("free", 500, "Places without a station"), free = L.layerGroup().addTo(map);
    const places = run.sites.map((site) => L.circleMarker(point(site.at), { renderer: dots, pane: "free", radius: 5, color: "#1d2733", weight: 1, fillColor: "#fff", fillOpacity: 0.9 })
      .bindTooltip(make("bdi", site.name)).on("click", () => choose(site.id)));
    const show = (now) => {
      const stands = new Map(now.sites.map((site) => [site.id, site]));
      for (const site of run.sites) Object.assign(site, stands.get(site.id) || { kw: null, kwh: site.kwh.map(() => 0), service: [] });
      run.years = [{ kw: run.sites.map((site) => site.kw), wanted: now.wanted, served: now.served }];
      run.sites.forEach((site, i) => (site.kw === null ? places[i].addTo(free) : places[i].remove()));
      lines.clearLayers();
      showYear();
    };
    addEventListener("message", ({ data, source }) => source === parent && data.sites && show(data));
    parent.postMessage({ ready: true }, "*");
  }

  const all = [...run.cells.map((c) => point(c.at)), ...run.sites.map((s) => point(s.at))];
  const bounds = L.latLngBounds(all.length ? all : [[24, 61], [37, 77]]);
  const frame = () => map.fitBounds(bounds, { padding: [16, 16], animate: false });
  const { x, y } = map.getSize();
  if (x && y) frame();
  else {
    // A notebook's frame may have no size yet when the script runs.
    map.setView(bounds.getCenter(), 11);
    map.once("resize", () => { frame(); shade(); });
  }
  if (run.years.length) showYear(); else { shade(); drawAreas(); }
  const packed = byId("packed-cards");
  if (packed) unpack(packed.textContent.trim()); else setUpCards();

  // On paper: a summary of two pages, or the summary with the annex, in which every card is open.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = document.body.classList.contains("annex") ? [...document.querySelectorAll("main details:not([open])")] : [];
    for (const part of closed) part.open = true;
    for (const card of closed) if (card.dataset.card) picture(card, markers.get(card.dataset.card).site);
    Object.assign(byId("map").style, { width: "180mm", height: "56mm", minHeight: "0" });
    map.invalidateSize({ animate: false });
    frame();
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
    document.body.classList.remove("annex");
    Object.assign(byId("map").style, { width: "", height: "", minHeight: "" });
    map.invalidateSize({ animate: false });
    frame();
  });
  for (const button of document.querySelectorAll("[data-print]"))
    button.addEventListener("click", () => { document.body.classList.toggle("annex", button.dataset.print === "all"); print(); });
  document.body.dataset.ready = "yes";
})();
