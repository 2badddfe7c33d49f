/* What went wrong, in one sentence. */
import { el, says } from "./dom.js";

/** Its message says what happened and what to do. */
export class Problem extends Error {}

export function alertOf(problem) {
  if (!(problem instanceof Problem)) console.error(problem);
  const sentence = problem instanceof Problem ? problem.message : "This page failed; reload it, and report it if it fails again.";
  const again = el("button", { type: "button", onclick: () => location.reload() }, "Reload");
  return [el("div", { role: "alert" }, says("bad", sentence)), el("p", {}, again)];
}
