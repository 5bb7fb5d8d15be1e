/** Seconds since the epoch, as times stand on this wire. Undefined for no time. */
export function seconds(time: string | undefined): number | undefined {
  if (time === undefined) return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** Times of ECS are members whose names end so; everywhere else in an object stays as it is. */
export function withSeconds<T extends object>(value: T, names: readonly (keyof T & string)[]): Record<string, unknown> {
  const shown: Record<string, unknown> = Object.fromEntries(Object.entries(value));
  for (const name of names) {
    if (typeof shown[name] === 'string') shown[name] = seconds(shown[name]);
  }
  return shown;
}
