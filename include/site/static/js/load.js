/* The manifest, the status and the shards; what goes wrong becomes one sentence. */
import { Problem } from "./problem.js";

const RELOAD = "The site has a newer version; reload this page.";

export async function openSite(base) {
  const inline = document.getElementById("site");
  const manifest = inline ? readJson(inline.textContent, "site.json") : await fetchManifest(base);
  if (manifest.format !== 1) throw new Problem(RELOAD);
  const status = await fetchJson(base, "status.json", { cache: "no-store" }).catch(ignoreAllBut401);
  return { base, manifest, status: status ?? manifest, loaded: new Map() };
}

function ignoreAllBut401(problem) {
  if (problem.status === 401) throw problem;
}

async function fetchManifest(base) {
  try {
    return await fetchJson(base, "site.json", { cache: "no-store" });
  } catch (problem) {
    if (![403, 404].includes(problem.status)) throw problem;
    throw new Problem("There is no site here yet; run the DAG vehicle_recalls (make run), then reload this page.");
  }
}

/** A shard by its path; each is fetched once, unless that failed. */
export function loadShard(site, path) {
  if (!site.loaded.has(path)) {
    const loading = fetchJson(site.base, path).catch(async (problem) => {
      site.loaded.delete(path);
      throw await explained(site, path, problem);
    });
    site.loaded.set(path, loading);
  }
  return site.loaded.get(path);
}

/** A module that not every page needs, by its name in the code's folder. */
export async function loadCode(site, name) {
  try {
    return await import(`./${name}.js`);
  } catch (error) {
    if (!/import|fetch/i.test(error.message)) throw error; // it came, and is broken
    throw await explained(site, `${site.manifest.code}${name}.js`, { status: 404 });
  }
}

async function explained(site, path, problem) {
  if (![403, 404].includes(problem.status)) return problem;
  const newest = await fetchJson(site.base, "site.json", { cache: "no-store" }).catch(() => site.manifest);
  const isNewer = newest.code !== site.manifest.code || newest.made_from !== site.manifest.made_from;
  if (isNewer) return new Problem(RELOAD);
  return new Problem(`The file ${path} is missing; run the task site again (make lake ARGS=refresh), then reload this page.`);
}

async function fetchJson(base, path, options) {
  let response;
  try {
    response = await fetch(base + path, options);
  } catch {
    throw new Problem(`The server did not send ${path}; check the connection, then reload this page.`);
  }
  if (response.status === 401) {
    throw failed(401, "Your login has expired; log in to Airflow again, then reload this page.");
  }
  if (!response.ok) {
    throw failed(response.status, `The server answered ${response.status} for ${path}; reload this page in a minute.`);
  }
  const text = await unpacked(new Uint8Array(await response.arrayBuffer())).catch(() => "");
  return readJson(text, path);
}

const failed = (status, sentence) => Object.assign(new Problem(sentence), { status });

/** Some servers unpack gzip on the way and some do not: the first two bytes tell. */
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new TextDecoder().decode(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function readJson(text, path) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(`The file ${path} is damaged; run the task site again (make lake ARGS=refresh), then reload this page.`);
  }
}
