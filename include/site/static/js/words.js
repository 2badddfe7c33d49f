/* Two texts side by side, word by word. */
import { el } from "./dom.js";

const MOST_COMPARISONS = 4_000_000;

/** One <bdi> with what went as <del> and what came as <ins>. */
export function wordDifference(old, now) {
  const parts = runs(differences(old.match(/\s+|\S+/g) ?? [], now.match(/\s+|\S+/g) ?? []));
  return el("bdi", {}, parts.map(([tag, text]) => (tag ? el(tag, {}, text) : text)));
}

/** [[tag, word]]: the tag is null where both have the word. */
function differences(old, now) {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  return [
    ...old.slice(0, start).map((word) => [null, word]),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map((word) => [null, word]),
  ];
}

/** The longest common subsequence, by the usual table. */
function middle(old, now) {
  const changes = [];
  let left = 0;
  let right = 0;
  if (old.length * now.length <= MOST_COMPARISONS) {
    const width = now.length + 1;
    const longest = new Uint16Array((old.length + 1) * width);
    for (let i = old.length - 1; i >= 0; i--) {
      for (let j = now.length - 1; j >= 0; j--) {
        longest[i * width + j] =
          old[i] === now[j]
            ? longest[(i + 1) * width + j + 1] + 1
            : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
      }
    }
    while (left < old.length && right < now.length) {
      if (old[left] === now[right]) {
        changes.push([null, old[left++]]);
        right += 1;
      } else if (longest[(left + 1) * width + right] >= longest[left * width + right + 1]) {
        changes.push(["del", old[left++]]);
      } else {
        changes.push(["ins", now[right++]]);
      }
    }
  }
  return [
    ...changes,
    ...old.slice(left).map((word) => ["del", word]),
    ...now.slice(right).map((word) => ["ins", word]),
  ];
}

/** Neighbors of one kind become one run; a space between two changes joins them. */
function runs(words) {
  const joined = [];
  let gone = "";
  let come = "";
  const flush = () => {
    if (gone) joined.push(["del", gone]);
    if (come) joined.push(["ins", come]);
    gone = come = "";
  };
  words.forEach(([tag, word], index) => {
    const isGap = !tag && /^\s+$/.test(word) && (gone || come) && words[index + 1]?.[0];
    if (tag === "del" || isGap) gone += word;
    if (tag === "ins" || isGap) come += word;
    if (tag || isGap) return;
    flush();
    joined.push([null, word]);
  });
  flush();
  return joined;
}
