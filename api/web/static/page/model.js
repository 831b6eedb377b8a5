// What classifies, in its own figures.

import { get } from "./api.js";
import { $, el } from "./dom.js";
import { start } from "./shell.js";
import { glyph, labelName, number } from "./words.js";

// In the order of a reader's questions; `share` figures are written in percent.
const FIGURES = [
  ["accuracy", "Accuracy over the four labels", true],
  ["tumour_called_healthy", "Tumours called healthy", true],
  ["tumour_called_healthy_without_review", "Tumours called healthy and not in review", true],
  ["healthy_called_tumour", "Healthy scans called tumour", true],
  ["in_review", "Scans that ask for a review", true],
  ["error_rate_outside_review", "Wrong among those not in review", true],
  ["peak_in_box", "Heatmap's peak in the tumour's box", true],
  ["peak_in_outline", "Heatmap's peak in the tumour's outline", true],
  ["figshare_tumour_accuracy", "Accuracy over the three figshare tumours", true],
  ["macro_precision", "Macro precision", true],
  ["macro_recall", "Macro recall", true],
  ["macro_f1", "Macro F1", true],
  ["accuracy_at_90_coverage", "Accuracy of the surest 90%", true],
  ["energy_in_box", "Heatmap's energy in the box", true],
  ["energy_in_outline", "Heatmap's energy in the outline", true],
  ["iou", "IoU of heatmap and outline", false],
  ["expected_calibration_error", "Expected calibration error", false],
  ["brier_score", "Brier score (0 to 2)", false],
  ["negative_log_likelihood", "Negative log-likelihood", false],
];
const HEADLINE = ["accuracy", "tumour_called_healthy", "in_review", "peak_in_box"];
const PLOTS = {
  confusion: "Confusion matrix",
  "by-group": "Sensitivity, precision and specificity by class; accuracy by source and fold",
  roc: "ROC curve of each class against the rest",
  reliability: "Accuracy over confidence, and the number of scans at each confidence",
  "risk-coverage": "Error rate over the share of scans that are answered",
  heatmaps: "How often the heatmap's peak lies in the tumour, beside baselines and by size",
  training: "Accuracy and cross-entropy over the epochs, by fold",
};

start(async () => {
  const { items } = await get("/v1/models");
  items.sort((a, b) => Number(b.active) - Number(a.active));
  $("models").removeAttribute("aria-busy");
  $("models").replaceChildren(...(items.length ? items.map(card) : [el("p", { class: "empty" }, el("strong", {}, "There is no model"), "The workers have no bundle to classify by.")]));
});

function card(model) {
  // Data without outlines, for one, leaves figures of no scans, without a value.
  const figures = Object.fromEntries(Object.entries(model.metrics.figures ?? {}).filter(([, { n }]) => n));
  return el("article", { class: "model", "aria-label": model.name },
    el("div", { class: "model-head" }, el("h2", {}, model.name), model.active ? el("span", { class: "flag good", "data-sign": "✓" }, "Classifies now") : el("span", { class: "muted" }, "At hand, not in use")),
    el("div", { class: "tiles" }, FIGURES.filter(([name]) => HEADLINE.includes(name) && figures[name]).map(([name, text, share]) => tile(text, figures[name], share))),
    measured(model),
    caveats(model),
    intended(model),
    table(figures),
    plots(model),
    facts(model));
}

const written = (value, share) => (share ? `${(100 * value).toFixed(1)}%` : value.toFixed(3));

function tile(text, { value, interval, n }, share) {
  return el("div", { class: "tile" }, el("small", {}, text), el("b", {}, written(value, share)), el("small", {}, `95% interval ${written(interval[0], share)} to ${written(interval[1], share)} · ${number(n)} scans`));
}

function measured({ metrics }) {
  if (!metrics.measured) return el("p", { class: "muted" }, "This network was never measured.");
  const { how, scans, patients, interval, command } = metrics.measured;
  const sources = Object.entries(scans).map(([name, count]) => `${name}: ${number(count)} scans of ${number(patients[name])} patients`).join("; ");
  return el("div", { class: "prose" }, el("h3", {}, "How it was measured"), el("p", {}, `${how.charAt(0).toUpperCase()}${how.slice(1)}. ${sources}. ${interval}.`), el("p", { class: "hint" }, "The same again: ", el("code", {}, command)));
}

function caveats({ caveats: known }) {
  if (!known?.length) return null;
  return el("div", { class: "prose" }, el("h3", {}, "What is wrong with it"), el("ul", {}, known.map((one) => el("li", {}, one))));
}

function intended({ intended_use, card }) {
  if (!intended_use && !card) return null;
  const use = intended_use && el("p", {}, `${intended_use.charAt(0).toUpperCase()}${intended_use.slice(1)}.`);
  const link = card && el("p", {}, el("a", { href: card }, "Its model card"), " says what it is for and what not, and everything that was measured.");
  return el("div", { class: "prose" }, el("h3", {}, "Intended use"), use, link);
}

function table(figures) {
  const rows = FIGURES.filter(([name]) => figures[name]).map(([name, text, share]) => {
    const { value, interval, n } = figures[name];
    return el("tr", {}, el("th", { scope: "row" }, text), el("td", { class: "number" }, written(value, share)), el("td", { class: "number" }, `${written(interval[0], share)} – ${written(interval[1], share)}`), el("td", { class: "number" }, number(n)));
  });
  if (rows.length === 0) return null;
  const head = el("thead", {}, el("tr", {}, ["Figure", "Value", "95% interval", "Scans"].map((text, at) => el("th", { scope: "col", class: at ? "number" : null }, text))));
  return el("details", {}, el("summary", {}, "All figures"), el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "All figures" }, el("table", {}, head, el("tbody", {}, rows))));
}

function plots({ name, plots: known }) {
  if (!known?.length) return null;
  return el("section", {}, el("h3", {}, "Plots"), el("div", { class: "plots" }, known.map((plot) => el("figure", {}, el("img", { src: `/v1/models/${name}/plots/${plot}`, alt: PLOTS[plot] ?? plot, loading: "lazy" }), el("figcaption", {}, PLOTS[plot] ?? plot)))));
}

function facts(model) {
  const rows = [
    ["Version", model.version],
    ["Labels", el("span", { class: "row" }, (model.classes ?? []).map((label) => el("span", {}, glyph(label), " ", labelName(label))))],
    ["Input", model.input && `one greyscale picture, cropped to the head, ${model.input.size_px} × ${model.input.size_px}`],
    ["Parameters", model.parameters && number(model.parameters)],
    ["In review below a confidence of", model.review_below && written(model.review_below, true)],
    ["Trained on", model.training_data],
    ["This bundle saw", model.trained_on],
    ["Licence", model.licence],
    ["Weights (SHA-256)", model.sha256],
  ].filter(([, value]) => value);
  return el("div", {}, el("h3", {}, "The network"), el("dl", { class: "facts" }, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]).flat()));
}
