// A reader's own label and note. They stand beside the model's answer, which stays as it is.

import { send } from "./api.js";
import { fullName } from "./card.js";
import { $, el } from "./dom.js";
import { bind } from "./keys.js";
import { notice } from "./notices.js";
import { LABELS, LABEL_KEYS, glyph, labelName, moment } from "./words.js";

const now = { scan: null, onSaved: () => {} };

export function prepare({ isOpen, onSaved }) {
  now.onSaved = onSaved;
  const can = () => isOpen() && now.scan?.label;
  const confirm = el("button", { type: "button", class: "choice confirm", "data-label": "", "aria-keyshortcuts": "c" }, "Confirm the model's answer", el("kbd", {}, "c"));
  confirm.addEventListener("click", () => save(now.scan.label));
  $("choices").append(confirm, ...LABELS.map(choice));
  LABELS.forEach((label, at) => {
    const keys = [String(at + 1), LABEL_KEYS[label]];
    bind(keys, `Label: ${labelName(label)}`, () => save(label), { when: can });
  });
  bind(["c"], "Confirm the model's answer", () => save(now.scan.label), { when: can });
  $("save-note").addEventListener("click", () => save(now.scan.correction?.label ?? now.scan.label));
  $("take-back").addEventListener("click", takeBack);
}

function choice(label, at) {
  const button = el("button", { type: "button", class: "choice", "data-label": label, "aria-pressed": "false", "aria-keyshortcuts": `${at + 1} ${LABEL_KEYS[label]}` }, glyph(label), labelName(label), el("kbd", {}, String(at + 1)));
  button.addEventListener("click", () => save(label));
  return button;
}

export function show(scan) {
  const other = now.scan?.id !== scan.id;
  now.scan = scan;
  $("correction").hidden = !scan.label;
  const { correction } = scan;
  for (const button of $("choices").children) {
    const mine = button.dataset.label || scan.label;
    const pressed = correction?.label === mine && (button.dataset.label !== "" || correction.label === scan.label);
    button.setAttribute("aria-pressed", String(pressed));
  }
  if (other) {
    $("note").value = correction?.note ?? "";
    $("correction-problem").textContent = "";
  }
  $("take-back").hidden = !correction;
  $("correction-state").textContent = correction ? `${correction.label === scan.label ? "Confirmed" : `Changed to ${labelName(correction.label)}`} · ${moment(correction.at)}` : "Not read yet";
}

const save = (label) => change("PUT", { label, note: $("note").value.trim() || null });

async function takeBack() {
  const { scan } = now;
  if ((await change("DELETE")) && now.scan.id === scan.id) $("note").value = "";
}

/** Whether it was saved. By the time of the answer another scan may be on screen, which it says nothing of. */
async function change(method, body) {
  const { scan } = now;
  $("correction-problem").textContent = "";
  $("correction-state").textContent = "Saving …";
  try {
    now.onSaved(await send(method, `/v1/scans/${scan.id}/correction`, body));
    return true;
  } catch (error) {
    if (now.scan.id === scan.id) {
      show(now.scan);
      $("correction-problem").textContent = `Not saved. ${error.message}`;
    } else notice(`The label of ${fullName(scan)} was not saved. ${error.message}`, { bad: true });
    return false;
  }
}
