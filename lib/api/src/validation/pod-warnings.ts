/** What is allowed and probably not meant. Texts for `Warning` headers. */
import { quantityMilliValue, tryParseQuantity } from '../quantity.ts';
import type { Container, PodSpec } from '../types.ts';

const byteResources = ['memory', 'ephemeral-storage'];

export function podSpecWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  spec.imagePullSecrets?.forEach(({ name }, i) => {
    if (!name) warnings.push(`${path}.imagePullSecrets[${i}].name: invalid empty name ""`);
  });
  for (const field of ['initContainers', 'containers'] as const) {
    spec[field]?.forEach((container, i) => {
      warnOfEnv(warnings, container, `${path}.${field}[${i}]`);
      warnOfFractions(warnings, container, `${path}.${field}[${i}]`);
    });
  }
  warnOfPorts(warnings, spec, path);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  return warnings;
}

function warnOfEnv(warnings: string[], { env }: Container, path: string): void {
  if (!env || env.length < 2) return;
  const seen = new Set<string>();
  env.forEach(({ name, value }, i) => {
    // A variable that is built on its own earlier value means to hide it.
    if (seen.has(name) && !value?.includes(`$(${name})`)) {
      const detail = `hides previous definition of "${name}", which may be dropped when using apply`;
      warnings.push(`${path}.env[${i}]: ${detail}`);
    }
    seen.add(name);
  });
}

function warnOfFractions(warnings: string[], { resources }: Container, path: string): void {
  for (const field of ['limits', 'requests'] as const) {
    for (const name of byteResources) {
      const text = resources?.[field]?.[name];
      const amount = text === undefined ? undefined : tryParseQuantity(text);
      if (!amount || quantityMilliValue(amount) % 1000n === 0n) continue;
      const detail = `fractional byte value "${text}" is invalid, must be an integer`;
      warnings.push(`${path}.resources.${field}[${name}]: ${detail}`);
    }
  }
}

function warnOfPorts(warnings: string[], spec: PodSpec, path: string): void {
  const seen = new Map<string, string>();
  spec.containers?.forEach(({ ports }, i) => {
    ports?.forEach(({ containerPort, protocol, hostPort = 0, hostIP = '' }, j) => {
      const at = `${path}.containers[${i}].ports[${j}]`;
      const key = `${protocol}/${containerPort}/${hostPort}/${hostIP}`;
      const first = seen.get(key);
      if (first === undefined) seen.set(key, at);
      else warnings.push(`${at}: duplicate port definition with ${first}`);
    });
  });
}
