/** The charts of this repository, and the values that each is tried with: its own, and those of `ci/NAME-values.yaml`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonValue } from '@slipway/api/patch/json-value';
import { parse } from 'yaml';
import { repositoryRoot } from '../tidy/sources.ts';

export const chartNames = ['slipway', 'slipway-ecs'] as const;
export const release = { name: 'demo', namespace: 'platform' } as const;

export interface Variant {
  readonly chart: string;
  readonly name: string;
  readonly values: { readonly [key: string]: JsonValue };
}

export function chartDirectory(chart: string): string {
  return join(repositoryRoot, 'charts', chart);
}

export function variants(): readonly Variant[] {
  return chartNames.flatMap((chart) => {
    const folder = join(chartDirectory(chart), 'ci');
    const files = readdirSync(folder)
      .filter((file) => file.endsWith('-values.yaml'))
      .sort();
    const others = files.map((file) => ({
      chart,
      name: file.replace(/-values\.yaml$/, ''),
      values: parse(readFileSync(join(folder, file), 'utf8')) as Variant['values'],
    }));
    return [{ chart, name: 'default', values: {} }, ...others];
  });
}
