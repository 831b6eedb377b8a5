// What is chosen and not yet sent: checked, listed, then sent with its progress file by file.

import { $, el, throttled } from "./dom.js";
import { batchProblem, fileProblem, limits } from "./limits.js";
import { notice, say } from "./notices.js";
import { newKey, submit } from "./upload.js";
import { counted, number, percent, size } from "./words.js";

const LISTED = 300;
const staged = { files: [], hidden: [], rows: [], key: null, sending: null };

/** Begin: the form's buttons, and the warning when a running upload would be left. */
export function prepare() {
  $("staged").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  $("discard").addEventListener("click", discard);
  $("add-more").addEventListener("click", () => $("files").click());
  $("add-folder").addEventListener("click", () => $("folder").click());
  $("batch-name").addEventListener("input", check);
  addEventListener("beforeunload", (event) => {
    if (staged.sending !== null) event.preventDefault();
  });
}

/** Add what was chosen. */
export async function stage({ files, hidden }) {
  if (staged.sending !== null) return notice("A batch is being sent. Wait for its end, or discard it.", { bad: true });
  if (files.length === 0) return notice(hidden.length ? "There are only hidden files in it, which are left out." : "There are no files in it.", { bad: true });
  staged.limits = await limits();
  // Two files may be called alike; the same file chosen again is one.
  const known = new Set(staged.files.map(identity));
  const added = files.filter((one) => !known.has(identity(one)));
  if (added.length < files.length) notice(`${counted(files.length - added.length, "file was", "files were")} chosen already.`);
  staged.files.push(...added);
  staged.hidden.push(...hidden);
  staged.key = newKey();
  $("staged").hidden = false;
  show();
  return $("start").focus();
}

const identity = ({ path, file }) => JSON.stringify([path, file.size, file.lastModified]);

function discard() {
  staged.sending?.abort();
  busy(false);
  $("start").textContent = "Start batch";
  Object.assign(staged, { files: [], hidden: [], key: null, sending: null });
  $("staged").hidden = true;
  $("choose-files").focus();
}

function show() {
  const { files, hidden } = staged;
  $("staged-title").textContent = "Ready to start";
  $("staged-sum").textContent = `${counted(files.length, "file")}, ${size(sizeOf(files))}`;
  const bad = files.filter((one) => fileProblem(one, staged.limits));
  const warnings = [];
  if (hidden.length) warnings.push(el("li", { title: hidden.slice(0, 20).join("\n") }, `${counted(hidden.length, "hidden file is", "hidden files are")} left out (${hidden[0].split("/").pop()}${hidden.length > 1 ? " …" : ""}).`));
  if (bad.length) {
    const button = el("button", { type: "button" }, `Leave out ${counted(bad.length, "file")}`);
    button.addEventListener("click", () => {
      staged.files = files.filter((one) => !bad.includes(one));
      if (staged.files.length === 0) return discard();
      show();
      return $("start").focus();
    });
    warnings.push(el("li", { class: "bad" }, el("span", {}, `${counted(bad.length, "file")} cannot be sent: ${bad[0].path}. ${fileProblem(bad[0], staged.limits)}`), button));
  }
  $("staged-warnings").replaceChildren(...warnings);
  staged.rows = files.slice(0, LISTED).map(row);
  const rest = files.length - LISTED;
  $("file-list").replaceChildren(...staged.rows.map(({ line }) => line), ...(rest > 0 ? [el("li", { class: "file" }, `and ${counted(rest, "file")} more`)] : []));
  check();
}

function row(one) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${one.path}`, hidden: true });
  const problem = fileProblem(one, staged.limits);
  const line = el("li", { class: "file" }, el("span", { class: "name" }, one.path), el("span", { class: "size" }, size(one.file.size)), bar, problem ? el("span", { class: "bad" }, problem) : null);
  return { line, bar };
}

function check() {
  const problem = batchProblem(staged.files, $("batch-name").value.trim(), staged.limits);
  $("send-problem").textContent = problem ?? "";
  const ready = problem === null && !staged.files.some((one) => fileProblem(one, staged.limits));
  $("start").disabled = !ready;
  return ready;
}

async function start() {
  if (!check() || staged.sending !== null) return;
  staged.sending = new AbortController();
  busy(true);
  try {
    const name = $("batch-name").value.trim();
    const batch = await submit(staged.files, { name, key: staged.key, onProgress: progress(), signal: staged.sending.signal });
    staged.sending = null;
    location.assign(`/batches/${batch.id}`);
  } catch (error) {
    if (error.name === "AbortError") return;
    staged.sending = null;
    busy(false);
    const limit = error.problem?.limit ? ` (${error.problem.limit} = ${number(error.problem.value)})` : "";
    $("send-problem").textContent = `${error.message}${limit}`;
    $("start").textContent = "Try again";
    $("start").focus();
  }
}

function busy(on) {
  $("send-problem").textContent = "";
  $("sending").hidden = !on;
  $("start").disabled = on;
  $("add-more").hidden = $("add-folder").hidden = on;
  $("discard").textContent = on ? "Stop sending" : "Discard";
  $("batch-name").readOnly = on;
  for (const { bar } of staged.rows) bar.hidden = !on;
  if (on) say(`Sending ${counted(staged.files.length, "file")}.`);
}

/** Files lie in the body one behind the other, so the bytes sent tell how far each one is. */
function progress() {
  const ends = [];
  let sum = 0;
  for (const { file } of staged.files) ends.push((sum += file.size));
  let sent = 0;
  let told = 0;
  const draw = throttled(() => {
    staged.rows.forEach(({ bar }, at) => {
      const { size: bytes } = staged.files[at].file;
      bar.value = bytes ? Math.min(1, Math.max(0, (sent - ends[at] + bytes) / bytes)) : 1;
    });
    $("sent").value = sum ? sent / sum : 1;
    const whole = sent >= sum;
    $("staged-title").textContent = whole ? "Being stored" : "Sending";
    $("sent-text").textContent = whole ? "All is sent. The service writes it down; this page goes on to the batch then." : `${size(sent)} of ${size(sum)}`;
    const quarter = Math.floor((4 * sent) / (sum || 1));
    if (quarter > told) {
      told = quarter;
      say(`${percent(Math.min(1, quarter / 4))} sent`);
    }
  }, 100);
  return (loaded, total) => {
    // Framing is spread over the files, which is near enough for a bar.
    sent = total ? (sum * loaded) / total : 0;
    draw();
  };
}

const sizeOf = (files) => files.reduce((sum, { file }) => sum + file.size, 0);
