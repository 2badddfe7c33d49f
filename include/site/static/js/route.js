/* The address: a page, what it is about, and its state, all in the hash. */

/** `#/recall/24V436000?x=y` is {page: "recall", subject: "24V436000", query: {x: "y"}}. */
export function currentRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [page, ...subject] = path.split("/");
  return {
    page,
    subject: decoded(subject.join("/")),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Airflow's page has a <base>, so the address is written whole. */
export function hrefTo(page, subject = "", query = {}) {
  const path = subject ? `${page}/${encodeURIComponent(subject)}` : page;
  const kept = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = kept.length ? `?${new URLSearchParams(kept)}` : "";
  return `${location.pathname}${location.search}#/${path}${search}`;
}

/** Keeps a page's state in the address without a step in the history. */
export function saveQuery(route, query) {
  route.query = query;
  history.replaceState(history.state, "", hrefTo(route.page, route.subject, query));
}
