/** The Kubernetes API that is served, and what serves it. */
export function versionText(): string {
  return `slipway 0.1.0 (Kubernetes API v1.36, Node ${process.version})`;
}
