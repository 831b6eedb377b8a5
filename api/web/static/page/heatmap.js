// Colours a heatmap: the more evidence, the stronger the colour lies on the scan, as in the service's own overlays.

const STRONGEST = 0.85;

/** Turbo (Mikhailov 2019, by its polynomial) at 0 to 1, as [red, green, blue] of 0 to 255. */
export function turbo(at) {
  const powers = [1, at, at ** 2, at ** 3, at ** 4, at ** 5];
  const channel = (factors) => 255 * Math.min(1, Math.max(0, factors.reduce((sum, factor, n) => sum + factor * powers[n], 0)));
  return [
    channel([0.13572138, 4.6153926, -42.66032258, 132.13108234, -152.94239396, 59.28637943]),
    channel([0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604]),
    channel([0.1066733, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973]),
  ];
}

const TABLE = Array.from({ length: 256 }, (_, value) => turbo(value / 255));

/** Draw the greyscale map at `path` on `canvas`, in colour; its opacity is the slider's. */
export async function drawHeatmap(canvas, path, signal) {
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw new Error("The heatmap could not be read.");
  const bitmap = await createImageBitmap(await answer.blob());
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const { data } = picture;
  for (let at = 0; at < data.length; at += 4) {
    const value = data[at];
    [data[at], data[at + 1], data[at + 2]] = TABLE[value];
    data[at + 3] = 255 * STRONGEST * Math.min(1, value / 128);
  }
  context.putImageData(picture, 0, 0);
}

/** The colours from little to much, on a canvas one pixel high. */
export function drawRamp(canvas) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = `rgb(${TABLE[Math.round((255 * x) / (canvas.width - 1))].map(Math.round).join(" ")})`;
    context.fillRect(x, 0, 1, 1);
  }
}
