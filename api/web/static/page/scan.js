// The address of one scan leads to it in its batch, where its neighbours are.

import { get } from "./api.js";
import { $ } from "./dom.js";
import { start } from "./shell.js";

start(async () => {
  const id = location.pathname.split("/")[2];
  try {
    const scan = await get(`/v1/scans/${id}`);
    location.replace(`/batches/${scan.batch_id}#scan=${scan.id}`);
  } catch (error) {
    $("opening").textContent = error.status === 404 ? "There is no such scan. It may have been deleted with its batch." : error.message;
  }
});
