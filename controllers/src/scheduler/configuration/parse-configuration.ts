/**
 * A KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), as far as it is served: profiles with their plugins, weights and
 * arguments, node sampling, back-off. What is not served is an error and not a silence.
 */
import { filters } from '../filters/filters.ts';
import { defaultSchedulerName } from '../pods/demand.ts';
import { scores } from '../scores/scores.ts';
import { Problems, Section } from './document.ts';
import { parsePluginArgs } from './parse-plugin-args.ts';
import {
  defaultArgs,
  defaultConfiguration,
  defaultProfile,
  type PluginArgs,
  type Profile,
  type SchedulerConfiguration,
} from './profile.ts';

/** The message names every problem on a line of its own. */
export class SchedulerConfigurationError extends Error {
  override readonly name = 'SchedulerConfigurationError';
}

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const preemptionPlugin = 'DefaultPreemption';
/** Part of the scheduler itself, whatever a profile says. */
const alwaysOn = ['SchedulingGates', 'PrioritySort', 'NodeName', 'DefaultBinder'] as const;
const weightMax = 100_000;
const backoffSecondsMax = 86_400;

/** Throws `SchedulerConfigurationError`. `document`: the parsed YAML. */
export function parseSchedulerConfiguration(document: unknown): SchedulerConfiguration {
  const problems = new Problems();
  const root = new Section(document, '', problems);
  if (root.text('apiVersion') !== apiVersion) root.fail('apiVersion', `must be ${apiVersion}`);
  if (root.text('kind') !== 'KubeSchedulerConfiguration') root.fail('kind', 'must be KubeSchedulerConfiguration');
  const percentage = root.number('percentageOfNodesToScore', 0, 100) ?? 0;
  const seconds = (name: string, fallbackMs: number) => {
    const given = root.number(name, 1, backoffSecondsMax);
    return given === undefined ? fallbackMs : given * 1000;
  };
  const podInitialBackoffMs = seconds('podInitialBackoffSeconds', defaultConfiguration.podInitialBackoffMs);
  const podMaxBackoffMs = seconds('podMaxBackoffSeconds', defaultConfiguration.podMaxBackoffMs);
  if (podMaxBackoffMs < podInitialBackoffMs)
    root.fail('podMaxBackoffSeconds', 'must not be less than podInitialBackoffSeconds');
  const sections = root.sections('profiles');
  const profiles = sections.map((section) => parseProfile(section, percentage));
  const seen = new Set<string>();
  for (const [i, { schedulerName }] of profiles.entries()) {
    if (seen.has(schedulerName)) sections[i]?.fail('schedulerName', `${schedulerName} is there twice`);
    seen.add(schedulerName);
  }
  root.end();
  if (problems.found.length > 0) throw new SchedulerConfigurationError(problems.found.join('\n'));
  const fallback = { ...defaultProfile, percentageOfNodesToScore: percentage };
  return { profiles: profiles.length > 0 ? profiles : [fallback], podInitialBackoffMs, podMaxBackoffMs };
}

function parseProfile(section: Section, percentage: number): Profile {
  const schedulerName = section.text('schedulerName') ?? defaultSchedulerName;
  if (schedulerName === '') section.fail('schedulerName', 'must not be empty');
  const plugins = parsePlugins(section.section('plugins'));
  let args: PluginArgs = defaultArgs;
  for (const entry of section.sections('pluginConfig')) args = { ...args, ...parsePluginArgs(entry) };
  const profile = {
    ...plugins,
    schedulerName,
    percentageOfNodesToScore: section.number('percentageOfNodesToScore', 0, 100) ?? percentage,
    args,
  };
  section.end();
  return profile;
}

/** What is on at one extension point: names with their weights. */
type Enabled = Map<string, number>;

function parsePlugins(section: Section): Pick<Profile, 'filters' | 'scores' | 'preempts'> {
  const filtering: Enabled = new Map(filters.map(({ name }) => [name, 1]));
  const scoring: Enabled = new Map(defaultProfile.scores.map(({ score, weight }) => [score.name, weight]));
  const preempting: Enabled = new Map([[preemptionPlugin, 1]]);
  const points = [filtering, scoring, preempting];
  const known: readonly (readonly string[])[] = [[...filtering.keys()], [...scoring.keys()], [preemptionPlugin]];
  change(section.section('multiPoint'), points, known);
  change(section.section('filter'), [filtering], [known[0] ?? []]);
  change(section.section('score'), [scoring], [known[1] ?? []]);
  change(section.section('postFilter'), [preempting], [known[2] ?? []]);
  section.end();
  return {
    filters: filters.filter(({ name }) => filtering.has(name)),
    scores: scores.flatMap((score) => {
      const weight = scoring.get(score.name);
      return weight === undefined ? [] : [{ score, weight }];
    }),
    preempts: preempting.has(preemptionPlugin),
  };
}

function change(section: Section, points: readonly Enabled[], known: readonly (readonly string[])[]): void {
  const isKnown = (name: string) => known.some((names) => names.includes(name));
  const isAlwaysOn = (name: string) => (alwaysOn as readonly string[]).includes(name);
  for (const plugin of section.sections('disabled')) {
    const name = plugin.text('name') ?? '';
    if (name === '*') for (const point of points) point.clear();
    else if (isKnown(name)) for (const point of points) point.delete(name);
    else plugin.fail('name', isAlwaysOn(name) ? `${name} cannot be switched off` : notServed(name, known));
    plugin.end();
  }
  for (const plugin of section.sections('enabled')) {
    const name = plugin.text('name') ?? '';
    const weight = plugin.number('weight', 0, weightMax);
    if (!isKnown(name) && !isAlwaysOn(name)) plugin.fail('name', notServed(name, known));
    for (const [i, point] of points.entries())
      if (known[i]?.includes(name)) point.set(name, weight || (point.get(name) ?? 1));
    plugin.end();
  }
  section.end();
}

function notServed(name: string, known: readonly (readonly string[])[]): string {
  return `${JSON.stringify(name)} is not served here; ${[...new Set(known.flat())].join(', ')} are`;
}
