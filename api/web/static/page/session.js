// Where keys are required: asks for one, once, and holds a session by a cookie that no script can read.

import { Refused, get, send, useSession } from "./api.js";
import { $ } from "./dom.js";

/** The session, after signing in where that is needed. */
export async function signedIn() {
  let session = await get("/v1/session");
  if (session.key_required && !session.signed_in) {
    await ask();
    session = await get("/v1/session");
  }
  useSession(session, () => location.reload());
  if (session.key_required) offerSignOut();
  return session;
}

function ask() {
  const dialog = $("sign-in");
  let isAccepted = false;
  // A browser lets only the first Escape be prevented.
  dialog.addEventListener("close", () => isAccepted || dialog.showModal());
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
  return new Promise((done) => {
    $("sign-in-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await accepted($("key").value.trim())) {
        $("key").value = "";
        isAccepted = true;
        dialog.close();
        done();
      }
    });
  });
}

async function accepted(key) {
  const problem = $("key-error");
  problem.textContent = "";
  try {
    await send("POST", "/v1/session", { key });
    return true;
  } catch (error) {
    problem.textContent = error instanceof Refused && error.status === 401 ? "This is no key that holds. Check it and try again." : error.message;
    $("key").focus();
    return false;
  }
}

function offerSignOut() {
  const button = $("sign-out");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await send("DELETE", "/v1/session");
    location.assign("/");
  });
}
