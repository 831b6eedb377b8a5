// Files out of what was dropped or chosen, folders with all they hold. Hidden files are left out and counted.

/** `{files: [{file, path}], hidden: [path]}` of a drop; must be called within the event. */
export async function ofDrop(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  const loose = [...transfer.files];
  const found = [];
  if (entries.every((entry) => entry === null)) found.push(...loose.map((file) => ({ file, path: file.name })));
  for (const entry of entries) if (entry !== null) await walk(entry, found);
  return sorted(found);
}

/** The same of a file input. */
export const ofInput = (input) => sorted([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  // A reader gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, found);
  }
}

const isHidden = (path) => path.split("/").some((part) => part.startsWith(".") || part === "Thumbs.db" || part === "desktop.ini");

function sorted(found) {
  const files = found.filter(({ path }) => !isHidden(path));
  files.sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
  return { files, hidden: found.filter(({ path }) => isHidden(path)).map(({ path }) => path) };
}
