// Holds what is staged against the service's limits before anything is sent, and names the limit that is broken.

import { get } from "./api.js";
import { number, size } from "./words.js";

let known = null;

/** `{formats, max_files_per_batch, max_file_bytes …}` of the service. */
export async function limits() {
  if (known === null) {
    const answer = await get("/v1/limits");
    known = { formats: answer.formats, ...Object.fromEntries(answer.items.map(({ name, value }) => [name, value])) };
  }
  return known;
}

/** What is wrong with one file, or null. */
export function fileProblem({ file, path }, limit) {
  if (file.size > limit.max_file_bytes) return `Too large: a file may hold ${size(limit.max_file_bytes)} (max_file_bytes).`;
  if (path.length > limit.max_filename_chars) return `Its name is longer than ${limit.max_filename_chars} characters (max_filename_chars).`;
  return null;
}

/** What is wrong with all of them together, or null. */
export function batchProblem(files, name, limit) {
  if (files.length > limit.max_files_per_batch) {
    return `These are ${number(files.length)} files. One batch takes at most ${number(limit.max_files_per_batch)} (max_files_per_batch): send them as several batches.`;
  }
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > limit.max_batch_bytes) return `These are ${size(bytes)}. One batch takes at most ${size(limit.max_batch_bytes)} (max_batch_bytes).`;
  if (name.length > limit.max_name_chars) return `The name has ${name.length} characters, at most ${limit.max_name_chars} are taken (max_name_chars).`;
  return null;
}
