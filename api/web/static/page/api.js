// The calls under /v1. A service that cannot be reached is waited for when reading; a change is never repeated unasked.

import { $ } from "./dom.js";

const PAUSES_S = [1, 2, 4, 8, 15];

/** The service refused: `status`, `code` and `message` of its problem document. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.problem = problem;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor() {
    super("The service cannot be reached. Whether this was done is not known: look again before you repeat it.");
  }
}

/** Nobody answered, or a proxy did in the service's place. */
export const isAway = (error) => error instanceof TypeError || error instanceof Unreachable || [502, 504].includes(error.status);

const state = { csrf: null, whenSignedOut: () => {} };
let waiting = null;

export function useSession(session, whenSignedOut) {
  state.csrf = session.csrf_token;
  state.whenSignedOut = whenSignedOut;
}

/** Headers that a change needs. */
export const changing = () => (state.csrf ? { "X-CSRF-Token": state.csrf } : {});

/** GET a document. Waits while the service is away or busy. */
export async function get(path, { signal } = {}) {
  for (;;) {
    try {
      return await read(await fetch(path, { signal, headers: { Accept: "application/json" } }));
    } catch (error) {
      if (isAway(error)) await untilReachable();
      else if (error instanceof Refused && [429, 503].includes(error.status)) await pause(error.retry_after_s ?? 2);
      else throw error;
    }
  }
}

/** Change something: POST, PUT or DELETE, with a JSON body if there is one. */
export async function send(method, path, body) {
  const headers = { Accept: "application/json", ...changing() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    untilReachable();
    throw new Unreachable();
  }
  return read(answer);
}

async function read(answer) {
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const refused = new Refused(answer.status, await answer.json().catch(() => ({})));
  refused.retry_after_s = Number(answer.headers.get("Retry-After")) || null;
  if (answer.status === 401) state.whenSignedOut();
  throw refused;
}

/** Shows the banner and looks again and again until the service answers. */
export function untilReachable() {
  waiting ??= look().finally(() => {
    waiting = null;
  });
  return waiting;
}

async function look() {
  const banner = $("unreachable");
  for (let tries = 0; ; tries += 1) {
    const pause_s = PAUSES_S[Math.min(tries, PAUSES_S.length - 1)];
    if (tries > 0) {
      banner.textContent = "The service cannot be reached. Nothing is lost: batches go on, and this page tries again by itself.";
      banner.hidden = false;
    }
    await Promise.race([pause(tries === 0 ? 0.3 : pause_s), new Promise((back) => addEventListener("online", back, { once: true }))]);
    try {
      const answer = await fetch("/livez", { cache: "no-store" });
      if (answer.ok) {
        banner.hidden = true;
        return;
      }
    } catch {
      // Still away.
    }
  }
}

export const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

/** A path with those of the parameters that have a value. */
export function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
