// A training to begin: a recipe, data, and a form of every setting that the recipe's signature has.

import { get, post } from "./ask.js";
import { field, runner } from "./controls.js";
import { el, fill, status } from "./dom.js";
import { form } from "./forms.js";
import { checking, source } from "./source.js";

const BUDGET = ["steps", "minutes", "core_minutes"];

export async function train(view, wanted = "vae") {
  const told = status(), place = el("div");
  fill(view, el("h1", {}, "Train"), told.node, place);
  try {
    const [{ recipes }, { runs }] = await Promise.all([get("/studio/recipes"), get("/studio/runs")]);
    const names = runs.filter((run) => run.state === "trained").map((run) => run.run);
    fill(place, page(recipes, names, recipes.some((each) => each.name === wanted) ? wanted : "vae"));
  } catch (error) { told.fail(error); }
}

function page(recipes, runs, first) {
  const recipe = el("select", {}, groups(recipes, first)), about = el("p", { className: "facts" }), settings = el("div");
  const chosen = source(), check = checking(chosen.read), told = status(), name = el("input", { type: "text", autocomplete: "off", form: "begin" });
  let forms = null;
  async function change() {
    try {
      const found = await get("/studio/recipe", { name: recipe.value });
      forms = formsOf(found, runs);
      about.textContent = `${found.summary} ${found.paper} · log p: ${found.likelihood}${found.wants.length ? ` · needs: ${found.wants.join(", ")}` : ""}${found.extra ? ` · extra: ${found.extra}` : ""}`;
      fill(settings, forms.node);
    } catch (error) { told.fail(error); }
  }
  recipe.addEventListener("change", change);
  change();
  const go = runner("Train", async (signal) => {
    const asked = { recipe: recipe.value, ...chosen.read(), ...forms.read(), ...(name.value ? { name: name.value } : {}) };
    const begun = await post("/studio/train", asked, signal);
    location.hash = `#/run/${encodeURIComponent(begun.run)}/training`;
  }, told);
  go.main.setAttribute("form", "begin"); // that of the settings: Enter in one of them begins as well
  return el("div", { className: "begin" },
    el("form", { className: "card", "aria-label": "Which data" }, el("h2", {}, "Data"), chosen.node, check.node, check.place),
    el("form", { className: "card", id: "begin", "aria-label": "Which model" }, el("h2", {}, "Model"), field("Recipe", recipe), about, settings),
    el("section", { className: "card", "aria-label": "Begin" }, el("h2", {}, "Begin"), field("Name of the run", name, "Empty: after the recipe and the data."), go.node, told.node));
}

function groups(recipes, first) {
  const families = Map.groupBy ? Map.groupBy(recipes, (each) => each.family) : grouped(recipes);
  return [...families].map(([family, members]) => el("optgroup", { label: family },
    members.map((each) => el("option", { value: each.name, selected: each.name === first }, each.name))));
}

function grouped(recipes) {
  const found = new Map();
  for (const each of recipes) found.set(each.family, [...(found.get(each.family) ?? []), each]);
  return found;
}

function formsOf(found, runs) {
  const model = form(found.arguments, { runs: Object.fromEntries(found.runs.map((name) => [name, runs])) });
  const own = { own: "the recipe's" };
  const budget = form(pick(found.train, (name) => BUDGET.includes(name)), own);
  const rest = form(pick(found.train, (name) => !BUDGET.includes(name)), own);
  return {
    node: [el("h3", {}, "Budget"), el("div", { className: "fields" }, budget.nodes), el("small", {}, "One of the three, at most."), el("h3", {}, "Settings of the model"), el("div", { className: "fields" }, model.nodes),
      el("details", {}, el("summary", {}, "Settings of training"), el("div", { className: "fields" }, rest.nodes))],
    read: () => ({ settings: model.read(), train: { ...budget.read(), ...rest.read() } }),
  };
}

function pick(schema, wanted) {
  return { ...schema, properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => wanted(name))) };
}
