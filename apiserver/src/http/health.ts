/** `/livez`, `/readyz` and `/healthz`, in upstream's text format. */
import { messageOf } from '@slipway/kit/errors';

export interface HealthCheck {
  readonly name: string;
  /** Asked by `/livez` too; else only by `/readyz` and `/healthz`. */
  readonly isLiveness: boolean;
  /** Throws, or answers why not; undefined = well. */
  check(): string | undefined | Promise<string | undefined>;
}

export const healthPaths = ['healthz', 'livez', 'readyz'] as const;
export type HealthPath = (typeof healthPaths)[number];

export interface HealthAnswer {
  readonly code: number;
  readonly text: string;
  /** For the log: what a client does not get to see. */
  readonly failures: readonly string[];
}

/** `only`: the check named in the path, as in `/readyz/etcd`. Undefined when there is no such check. */
export async function answerHealth(
  path: HealthPath,
  only: string | undefined,
  checks: readonly HealthCheck[],
  query: URLSearchParams,
): Promise<HealthAnswer | undefined> {
  const asked = checks.filter((check) => (path === 'livez' ? check.isLiveness : true));
  if (only !== undefined) {
    const single = asked.find(({ name }) => name === only);
    return single && (await answerSingle(single));
  }
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  const failures: string[] = [];
  for (const check of asked) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const failure = await failureOf(check);
    lines.push(failure === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`);
    if (failure !== undefined) failures.push(`${check.name}: ${failure}`);
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (failures.length > 0) return { code: 500, text: `${lines.join('\n')}\n${path} check failed\n`, failures };
  return { code: 200, text: query.has('verbose') ? `${lines.join('\n')}\n${path} check passed\n` : 'ok', failures };
}

async function answerSingle(check: HealthCheck): Promise<HealthAnswer> {
  const failure = await failureOf(check);
  return failure === undefined
    ? { code: 200, text: 'ok', failures: [] }
    : { code: 500, text: `internal server error: ${failure}\n`, failures: [`${check.name}: ${failure}`] };
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  try {
    return await check.check();
  } catch (error) {
    return messageOf(error);
  }
}
