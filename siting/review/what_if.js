// The widget of siting.what_if sends wishes to Python, and shows the figures and the map returned.
const make = (tag, text = "", name = "") =>
  Object.assign(document.createElement(tag), { textContent: text, className: name });

function render({ model, el }) {
  const sites = new Map(model.get("sites").map((site) => [site.id, site]));
  const called = (id) => {
    const name = sites.get(id)?.name;
    return name && name !== id ? `${id} ${name}` : id;
  };
  const root = make("div", "", "siting-what-if");
  const style = make("style", `
    .siting-what-if { font: 14px/1.4 system-ui, sans-serif; display: grid; gap: 8px; grid-template-columns: minmax(0, 1fr) minmax(250px, 320px); color: #1d2733; background: #fff; padding: 8px }
    .siting-what-if iframe { width: 100%; border: 1px solid #d1d5db }
    .siting-what-if table { border-collapse: collapse; width: 100% } .siting-what-if th { text-align: left; font-weight: 600 }
    .siting-what-if td { text-align: right; font-variant-numeric: tabular-nums } .siting-what-if th, .siting-what-if td { padding: 2px 4px; border-bottom: 1px solid #e5e7eb; font-size: 13px }
    .siting-what-if button, .siting-what-if input { font: inherit } .siting-what-if ul { margin: 4px 0; padding-left: 18px }
    .siting-what-if .broken { color: #a11 } .siting-what-if .wishes button { margin-left: 6px }
    @media (max-width: 720px) { .siting-what-if { grid-template-columns: 1fr } }`);
  const frame = Object.assign(make("iframe"), { title: "Map of the plan" });
  frame.sandbox = "allow-scripts";
  frame.height = model.get("height_px");
  frame.srcdoc = model.get("page");
  const side = make("div");
  const picked = make("p", "Click a station or a place on the map, or find one:");
  const find = Object.assign(make("input"), { type: "search", placeholder: "station or place", size: 24 });
  const known = make("datalist");
  known.id = `siting-${Math.random().toString(36).slice(2)}`;
  find.setAttribute("list", known.id);
  find.setAttribute("aria-label", "Station or place");
  known.append(...[...sites.keys()].map((id) => Object.assign(make("option"), { value: called(id) })));
  const acts = make("p"), wishes = make("ul", "", "wishes");
  const budget = Object.assign(make("input"), { type: "number", min: 0, step: "any" });
  const money = make("label", "Budget, PKR m ");
  money.append(budget);
  const solve = make("button", "Solve again with these wishes"), back = make("button", "Start over");
  const told = make("p"), table = make("table"), broken = make("ul", "", "broken");
  told.setAttribute("aria-live", "polite");
  for (const button of [solve, back]) button.type = "button";
  side.append(picked, find, known, acts, wishes, make("p"), money, make("p"), solve, " ", back, told, broken, table);
  root.append(style, frame, side);
  el.append(root);

  let chosen = null;
  const now = () => model.get("wishes");
  const ask = (change) => {
    told.textContent = change.solve ? "Solving …" : "Computing …";
    model.set("wishes", { ...now(), solve: false, again: false, ...change, turn: (now().turn || 0) + 1 });
    model.save_changes();
  };
  const without = (names, id) => names.filter((name) => name !== id);
  const wish = (id, drop, require) =>
    ask({ drop: [...without(now().drop, id), ...drop], require: [...without(now().require, id), ...require] });
  const button = (text, act) => {
    const b = Object.assign(make("button", text), { type: "button" });
    b.addEventListener("click", act);
    return b;
  };
  const choose = (id) => {
    if (!sites.has(id)) return;
    chosen = id;
    picked.textContent = called(id);
    const state = model.get("state");
    const acting = [];
    if (now().drop.includes(id) || now().require.includes(id)) acting.push(button("Remove this wish", () => wish(id, [], [])));
    else if (state.new.includes(id)) acting.push(button("Drop it", () => wish(id, [id], [])), " ", button("Require it", () => wish(id, [], [id])));
    else acting.push(button("Require a station here", () => wish(id, [], [id])), " ", button("No station here", () => wish(id, [id], [])));
    acts.replaceChildren(...acting);
  };
  const send = () => frame.contentWindow?.postMessage(model.get("state").map, "*");
  const show = () => {
    const state = model.get("state");
    send();
    told.textContent = state.told;
    const head = make("tr");
    head.append(make("th"), make("td", "plan"), make("td", "now"));
    table.replaceChildren(head, ...state.figures.map(([what, before, after]) => {
      const tr = make("tr");
      tr.append(make("th", what), make("td", before), make("td", after));
      return tr;
    }));
    broken.replaceChildren(...state.broken.map((text) => make("li", text)));
    const list = (names, what) => names.map((id) => {
      const li = make("li", `${what} ${called(id)}`);
      li.append(button("remove", () => wish(id, [], [])));
      return li;
    });
    wishes.replaceChildren(...list(now().drop, "Drop"), ...list(now().require, "Require"));
    budget.value = now().budget_pkr === null ? "" : now().budget_pkr / 1e6;
    if (chosen) choose(chosen);
  };
  const hear = ({ source, data }) => {
    if (source !== frame.contentWindow) return;
    if (data.ready) send();
    else if (data.site) choose(data.site);
  };
  find.addEventListener("change", () => choose([...sites.keys()].find((id) => called(id) === find.value || id === find.value)));
  budget.addEventListener("change", () => ask({ budget_pkr: budget.value === "" ? null : Number(budget.value) * 1e6 }));
  solve.addEventListener("click", () => ask({ solve: true }));
  back.addEventListener("click", () => ask({ drop: [], require: [], budget_pkr: null, again: true }));
  window.addEventListener("message", hear);
  model.on("change:state", show);
  show();
  return () => {
    window.removeEventListener("message", hear);
    model.off("change:state", show);
  };
}

export default { render };
