// The pages of recalls_plugin.py as React components, each under its name in window.
const { createElement: h, useEffect, useRef } = globalThis.React;
const base = new URL("recalls/", document.baseURI).pathname;

class Problem extends Error {}

async function get(path) {
  const url = new URL(path, document.baseURI);
  const answer = await fetch(url).catch(() => {
    throw new Problem("Airflow does not answer; reload the page when it runs again.");
  });
  if (answer.status === 401) throw new Problem("Your login has expired; log in again.");
  if (answer.status === 403) throw new Problem("You may not see the DAG vehicle_recalls.");
  if (answer.ok) return answer.json();
  const { detail } = await answer.json().catch(() => ({}));
  throw Object.assign(new Problem(detail ?? `Airflow answered ${answer.status}.`), answer);
}

// A component that fills its element once, and says in a sentence why it could not.
const page = (style, fill) => function Page(props) {
  const root = useRef();
  useEffect(() => {
    const element = root.current;
    element.textContent = "Loading…";
    let leave;
    fill(element, props).then((left) => { leave = left; }, (error) => {
      console.error(error);
      element.textContent = error instanceof Problem ? error.message : `This page failed: ${error.message}`;
    });
    return () => { if (typeof leave === "function") leave(); };
  }, [props.dagId, props.runId]);
  return h("div", { ref: root, style });
};

const mount = (name) => async (element) => {
  const { code } = await get(`${base}site.json`);
  return (await import(`${base}${code}app.js`))[name](element, base);
};

async function showReport(element, { dagId, runId }) {
  const run = `api/v2/dags/${encodeURIComponent(dagId)}/dagRuns/${encodeURIComponent(runId)}`;
  const { value } = await get(`${run}/taskInstances/report/xcomEntries/return_value`).catch((error) => {
    if (error.status !== 404) throw error;
    throw new Problem("This run has no report; its task `report` writes one when it succeeds.");
  });
  element.replaceChildren(...blocks(value));
}

async function showResult(element, { dagId }) {
  if (dagId.startsWith("vehicle_recalls")) return mount("mountRecalls")(element);
  const runs = `api/v2/dags/${encodeURIComponent(dagId)}/dagRuns?state=success&order_by=-run_after&limit=1`;
  const [run] = (await get(runs)).dag_runs;
  if (!run) throw new Problem("No run of this DAG has succeeded yet; its report will be here.");
  return showReport(element, { dagId, runId: run.dag_run_id });
}

// Our reports are Markdown with headings, lists, bold and indented tables, and nothing else.
function blocks(markdown) {
  return String(markdown).trim().split(/\n{2,}|\n(?=#)|(?<=^#.*)\n/m).map((block) => {
    const lines = block.split("\n");
    const heading = /^(#+) (.*)/.exec(block);
    if (heading) return filled(`h${heading[1].length}`, heading[2], "font-weight: 600; font-size: 1.2em");
    if (lines.every((line) => line.startsWith("    "))) {
      return filled("pre", lines.map((line) => line.slice(4)).join("\n"), "overflow-x: auto; font-size: 0.85em");
    }
    if (!block.startsWith("- ")) return filled("p", block);
    const list = filled("ul", "", "list-style: disc; padding-left: 1.5em");
    list.append(...lines.map((line) => filled("li", line.replace(/^- /, ""))));
    return list;
  });
}

function filled(tag, text, style = "") {
  const element = document.createElement(tag);
  element.style.cssText = `margin-bottom: 0.75em; overflow-wrap: anywhere; ${style}`;
  if (tag === "pre") element.textContent = text;
  else text.split(/\*\*(.+?)\*\*/).forEach((part, i) => element.append(i % 2 ? filled("strong", part) : part));
  return element;
}

globalThis["Recalls"] = page({ width: "100%" }, mount("mountRecalls"));
globalThis["Recalls card"] = page({}, mount("mountCard"));
globalThis["Result"] = page({ padding: "1rem" }, showResult);
globalThis["Run report"] = page({ padding: "1rem" }, showReport);
