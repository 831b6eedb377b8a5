// A volume or a DICOM series: its most suspicious slices first, then all of them in anatomical order.

import { get } from "./api.js";
import { card } from "./card.js";
import { $, el } from "./dom.js";
import { start } from "./shell.js";
import { counted, labelName, number, percent } from "./words.js";

start(async () => {
  const id = location.pathname.split("/")[2];
  try {
    show(await get(`/v1/studies/${id}`));
  } catch (error) {
    const text = error.status === 404 ? "It was deleted with its batch, or belongs to another project." : error.message;
    $("main").replaceChildren(el("div", { class: "empty" }, el("strong", {}, "The study cannot be shown"), text));
  }
});

function show({ id, batch_id, kind, filename, slices, summary, total, counts, labels }) {
  $("batch").href = `/batches/${batch_id}`;
  $("name").textContent = filename;
  document.title = `${filename} · neurobatch`;
  $("report").hidden = kind !== "dicom" || counts.queued + counts.running > 0;
  $("report").href = `/v1/studies/${id}/report.dcm`;
  const tumours = counts.succeeded - labels.notumor;
  const leading = tumours ? `${number(tumours)} of ${counted(counts.succeeded, "classified slice")} with a tumour, most as ${labelName(summary.leading_label).toLowerCase()}` : "no slice with a tumour";
  $("facts").textContent = [kind === "nifti" ? "NIfTI volume" : "DICOM series", counted(total, "slice"), leading, `${counted(summary.needs_review, "slice")} to review`].join(" · ");
  const known = new Map(slices.map((scan) => [scan.id, scan]));
  const found = summary.suspicious.map(({ scan_id, slice_index, tumour_probability }) => [known.get(scan_id), `Slice ${slice_index + 1}: tumour ${percent(tumour_probability)}`]);
  fill("suspicious", found.filter(([scan]) => scan), "No slice was classified yet");
  fill("slices", slices.map((scan) => [scan, `Slice ${scan.slice_index + 1}`]), "There are no slices");
}

function fill(id, scans, none) {
  const nodes = scans.map(([scan, text]) => {
    const item = card(scan, "image");
    const link = item.firstChild;
    link.tabIndex = 0;
    link.href = `/scans/${scan.id}`;
    link.setAttribute("aria-label", `${text}, ${link.getAttribute("aria-label")}`);
    item.querySelector(".name").textContent = text;
    return item;
  });
  $(id).replaceChildren(...(nodes.length ? nodes : [el("li", { class: "empty" }, none)]));
  $(id).removeAttribute("aria-busy");
}
