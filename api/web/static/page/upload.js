// Sends a batch in one POST, counting its bytes. An Idempotency-Key makes that sending again never makes a second batch.

import { Refused, Unreachable, changing, isAway, pause, untilReachable } from "./api.js";

const TRIES = 5;

/** A key of 128 random bits; `crypto.randomUUID` is there on secure origins alone. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The batch; `onProgress(sent, total)` in bytes. Tries again where that helps, under the same key. */
export async function submit(files, { name, key, onProgress, signal }) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await post(files, { name, key, onProgress, signal });
    } catch (error) {
      const passing = isAway(error) || [409, 429, 503].includes(error.status);
      if (!passing || error.code === "quota_exceeded" || tries === TRIES) throw error;
      if (isAway(error)) await untilReachable();
      else await pause(error.retry_after_s ?? 2);
    }
  }
}

async function post(files, { name, key, onProgress, signal }) {
  signal.throwIfAborted();
  const form = new FormData();
  if (name) form.append("name", name);
  for (const { file, path } of files) form.append("files", file, path);
  const request = new XMLHttpRequest();
  request.open("POST", "/v1/batches");
  request.setRequestHeader("Idempotency-Key", key);
  for (const [header, value] of Object.entries(changing())) request.setRequestHeader(header, value);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
  return new Promise((done, failed) => {
    signal.addEventListener("abort", () => request.abort());
    request.addEventListener("abort", () => failed(new DOMException("stopped", "AbortError")));
    request.addEventListener("error", () => failed(new Unreachable()));
    request.addEventListener("load", () => {
      if (request.status === 202) return done(request.response);
      const refused = new Refused(request.status, request.response ?? {});
      refused.retry_after_s = Number(request.getResponseHeader("Retry-After")) || null;
      return failed(refused);
    });
    request.send(form);
  });
}
