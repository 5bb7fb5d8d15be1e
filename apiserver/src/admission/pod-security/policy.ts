/** What a namespace's labels ask of its pods. Pure. */
import { type FieldError, invalid } from '@slipway/api/validation/field-error';

const levels = ['privileged', 'baseline', 'restricted'] as const;

export type Level = (typeof levels)[number];

export interface LevelVersion {
  readonly level: Level;
  /** Minor version of the standards; undefined = the latest. */
  readonly minor: number | undefined;
}

export interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

export type Mode = keyof Policy;

const labelPrefix = 'pod-security.kubernetes.io/';
const everything: LevelVersion = { level: 'privileged', minor: undefined };
export const privilegedPolicy: Policy = { enforce: everything, audit: everything, warn: everything };

type Labels = Readonly<Record<string, string>>;

/** Where a label cannot be read, enforcing is strict and the other modes are silent. */
export function policyOf(labels: Labels | undefined): Policy {
  if (!labels) return privilegedPolicy;
  const enforce = levelVersionOf(labels, 'enforce', 'restricted');
  const audit = levelVersionOf(labels, 'audit', 'privileged');
  const warn = levelVersionOf(labels, 'warn', 'privileged');
  const enforced = labels[`${labelPrefix}enforce`];
  // Who enforces and does not speak of warnings wants to hear of workloads whose pods will be refused.
  const speaksOfWarnings = labels[`${labelPrefix}warn`] !== undefined;
  if (speaksOfWarnings || !isLevel(enforced) || isAtMost(enforced, warn.level)) return { enforce, audit, warn };
  const minor = labels[`${labelPrefix}warn-version`] === undefined ? enforce.minor : warn.minor;
  return { enforce, audit, warn: { level: enforced, minor } };
}

export function labelErrors(labels: Labels | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (!labels) return errors;
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const level = labels[`${labelPrefix}${mode}`];
    if (level !== undefined && !isLevel(level)) {
      errors.push(invalid(`metadata.labels[${labelPrefix}${mode}]`, level, `must be one of ${levels.join(', ')}`));
    }
    const version = labels[`${labelPrefix}${mode}-version`];
    if (version !== undefined && minorOf(version) === 'unreadable') {
      errors.push(invalid(`metadata.labels[${labelPrefix}${mode}-version]`, version, 'must be "latest" or "v1.x"'));
    }
  }
  return errors;
}

/** `restricted:latest`, `baseline:v1.30`. */
export function levelVersionText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === undefined ? 'latest' : `v1.${minor}`}`;
}

function levelVersionOf(labels: Labels, mode: Mode, whenUnreadable: Level): LevelVersion {
  const level = labels[`${labelPrefix}${mode}`] ?? 'privileged';
  const minor = minorOf(labels[`${labelPrefix}${mode}-version`] ?? 'latest');
  return { level: isLevel(level) ? level : whenUnreadable, minor: minor === 'unreadable' ? undefined : minor };
}

function minorOf(version: string): number | undefined | 'unreadable' {
  if (version === 'latest') return undefined;
  const minor = /^v1\.(0|[1-9]\d{0,8})$/.exec(version)?.[1];
  return minor === undefined ? 'unreadable' : Number(minor);
}

function isLevel(text: string | undefined): text is Level {
  return levels.some((level) => level === text);
}

export function isAtMost(level: Level, other: Level): boolean {
  return levels.indexOf(level) <= levels.indexOf(other);
}
