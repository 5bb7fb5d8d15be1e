/**
 * The part of kubectl's JSON paths that definitions use: `.spec.x`, `.a['b.c']`, `.list[0]`, `.list[*].x`, and
 * `.conditions[?(@.type=="Ready")].status`.
 */
type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'where'; readonly path: readonly string[]; readonly equals: string; readonly isEqual: boolean };

export type JsonPath = (value: unknown) => readonly unknown[];

const stepShape =
  /\.([^.[\]]+)|\[(?:'([^']*)'|"([^"]*)"|(-?\d+)|(\*)|\?\(\s*@((?:\.[^.[\]=!<> ]+)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([^)\s]+))\s*\))\]/y;

/** Undefined when the text is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps = stepsOf(text);
  return (
    steps &&
    ((value) => steps.reduce<readonly unknown[]>((values, step) => values.flatMap((one) => taken(one, step)), [value]))
  );
}

function stepsOf(text: string): Step[] | undefined {
  const steps: Step[] = [];
  for (stepShape.lastIndex = 0; stepShape.lastIndex < text.length; ) {
    const match = stepShape.exec(text);
    if (!match) return undefined;
    const [, field, single, double, index, all, filter, operator, ...values] = match;
    const name = field ?? single ?? double;
    if (field === '*' || all !== undefined) steps.push({ kind: 'all' });
    else if (name !== undefined) steps.push({ kind: 'field', name });
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else if (filter !== undefined) {
      const equals = values.find((value) => value !== undefined) ?? '';
      steps.push({ kind: 'where', path: filter.slice(1).split('.'), equals, isEqual: operator === '==' });
    }
  }
  return steps;
}

function taken(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'field': {
      const found = own(value, step.name);
      return found === undefined ? [] : [found];
    }
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [];
    case 'where':
      return Array.isArray(value)
        ? value.filter((item) => (textAt(item, step.path) === step.equals) === step.isEqual)
        : [];
  }
}

function textAt(value: unknown, path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>(own, value);
  return found === undefined ? undefined : String(found);
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** The names of a path of fields alone (`.spec.replicas`), undefined when it is another one. */
export function fieldsOfPath(text: string): readonly string[] | undefined {
  const steps = stepsOf(text);
  if (!steps || steps.length === 0) return undefined;
  const names = steps.flatMap((step) => (step.kind === 'field' ? [step.name] : []));
  return names.length === steps.length ? names : undefined;
}

export function readPath(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(own, value);
}

/** Sets the value at a path, making the objects on the way; the objects belong to the caller. */
export function writePath(object: object, path: readonly string[], value: unknown): void {
  let at = object as Record<string, unknown>;
  for (const name of path.slice(0, -1)) {
    const next = own(at, name);
    const inner = typeof next === 'object' && next !== null && !Array.isArray(next) ? next : {};
    if (inner !== next) at[name] = inner;
    at = inner as Record<string, unknown>;
  }
  const last = path.at(-1);
  if (last !== undefined) at[last] = value;
}
