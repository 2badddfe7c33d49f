export function mountRecalls() {}
