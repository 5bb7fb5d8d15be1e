/**
 * Checks a request against the service model: types, required members, enumerations, ranges. Each shape is compiled into a closure once.
 * Answers a copy without members that are null, which mean nothing on this wire.
 *
 * A wrong type is a SerializationException, as the bytes do not say what the operation takes; everything else is for the operation's own
 * exception, with a text that names the member. A member that the model does not have is refused: AWS drops it without a word.
 */
import { clientException, type EcsError, invalidParameter, refusals } from '../wire/ecs-error.ts';
import { inputOf, shapes } from './generated/shapes.ts';
import type { Shape } from './shape.ts';

/** Thrown inside; becomes the exception of the operation. */
class Refusal extends Error {}

type Check = (value: unknown, at: string) => unknown;

const compiled = new Map<string, Check>();

/** Throws EcsError. */
export function checkInput(operation: string, input: unknown): unknown {
  const shape = inputOf[operation];
  if (shape === undefined) throw refusals.unknownOperation();
  try {
    return checkOf(shape)(input, '');
  } catch (error) {
    if (error instanceof Refusal) throw exceptionOf(operation, error.message);
    throw error;
  }
}

/** ECS has two names for "your request is wrong". */
export function exceptionOf(operation: string, message: string): EcsError {
  return /TaskDefinition|Tag/.test(operation) ? clientException(message) : invalidParameter(message);
}

function checkOf(name: string): Check {
  const known = compiled.get(name);
  if (known) return known;
  const shape = shapes[name];
  if (!shape) throw new Error(`no shape ${name}`);
  // Shapes refer to each other in circles at most through this late look-up.
  compiled.set(name, (value, at) => checkOf(name)(value, at));
  const check = compile(shape);
  compiled.set(name, check);
  return check;
}

function compile(shape: Shape): Check {
  switch (shape.type) {
    case 'structure':
      return structureCheck(shape);
    case 'list':
      return listCheck(shape);
    case 'map':
      return mapCheck(shape);
    default:
      return scalarCheck(shape);
  }
}

function structureCheck({ members, required = [] }: Extract<Shape, { type: 'structure' }>): Check {
  const checks = new Map(Object.entries(members).map(([member, shape]) => [member, checkOf(shape)]));
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notA('structure', at);
    const checked: Record<string, unknown> = {};
    for (const [member, given] of Object.entries(value)) {
      if (given === null) continue;
      const check = checks.get(member);
      const path = at === '' ? member : `${at}.${member}`;
      if (!check) throw new Refusal(`Unknown parameter '${path}'.`);
      checked[member] = check(given, path);
    }
    for (const member of required) {
      if (checked[member] === undefined) throw new Refusal(missing(at, member, members[member] ?? ''));
    }
    return checked;
  };
}

/** In ECS' words at the top, else with the path. */
function missing(at: string, member: string, shape: string): string {
  const title = member.slice(0, 1).toUpperCase() + member.slice(1);
  if (at !== '') return `Member '${at}.${member}' must not be null.`;
  return shapes[shape]?.type === 'list' ? `${title} cannot be empty.` : `${title} can not be blank.`;
}

function listCheck({ member, min, max }: Extract<Shape, { type: 'list' }>): Check {
  const check = checkOf(member);
  return (value, at) => {
    if (!Array.isArray(value)) throw notA('list', at);
    if (max !== undefined && value.length > max) throw violates(`${value.length} members`, at, `length at most ${max}`);
    if (min !== undefined && value.length < min)
      throw violates(`${value.length} members`, at, `length at least ${min}`);
    const checked: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      if (value[i] !== null) checked.push(check(value[i], `${at}[${i}]`));
    }
    return checked;
  };
}

function mapCheck({ value: valueShape }: Extract<Shape, { type: 'map' }>): Check {
  const check = checkOf(valueShape);
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notA('map', at);
    const entries = Object.entries(value).filter(([, each]) => each !== null);
    return Object.fromEntries(entries.map(([key, each]) => [key, check(each, `${at}.${key}`)]));
  };
}

function scalarCheck(shape: Exclude<Shape, { type: 'structure' | 'list' | 'map' }>): Check {
  const { type, min, max } = shape;
  if (type === 'string') return stringCheck(shape);
  if (type === 'boolean') {
    return (value, at) => {
      if (typeof value !== 'boolean') throw notA('Boolean', at);
      return value;
    };
  }
  const isWhole = type === 'integer' || type === 'long';
  const bound = type === 'integer' ? 2 ** 31 : Number.MAX_SAFE_INTEGER;
  return (value, at) => {
    if (typeof value !== 'number' || (isWhole && !Number.isInteger(value)))
      throw notA(isWhole ? 'Integer' : 'Double', at);
    if (isWhole && (value >= bound || value < -bound)) throw notA('Integer', at);
    if (min !== undefined && value < min) throw violates(String(value), at, `value greater than or equal to ${min}`);
    if (max !== undefined && value > max) throw violates(String(value), at, `value less than or equal to ${max}`);
    return value;
  };
}

function stringCheck({
  enum: allowed,
  min,
  max,
  pattern,
}: Extract<Shape, { readonly enum?: readonly string[]; readonly pattern?: string }>): Check {
  const expression = pattern === undefined ? undefined : new RegExp(`^(?:${pattern})$`, 'u');
  const set = allowed && new Set(allowed);
  return (value, at) => {
    if (typeof value !== 'string') throw notA('String', at);
    if (set && !set.has(value)) {
      throw new Refusal(
        `1 validation error detected: Value '${value.slice(0, shownMax)}' at '${at}' failed to satisfy constraint: Member must satisfy enum value set: [${(allowed ?? []).join(', ')}]`,
      );
    }
    if (max !== undefined && value.length > max) throw violates(value, at, `length less than or equal to ${max}`);
    if (min !== undefined && value.length < min) throw violates(value, at, `length greater than or equal to ${min}`);
    if (expression && !expression.test(value)) throw violates(value, at, `must satisfy regular expression ${pattern}`);
    return value;
  };
}

/** So much of a wrong value is shown. */
const shownMax = 80;

function violates(value: string, at: string, rule: string): Refusal {
  return new Refusal(
    `1 validation error detected: Value '${value.slice(0, shownMax)}' at '${at}' failed to satisfy constraint: Member must have ${rule}`.replace(
      'have must',
      'must',
    ),
  );
}

function notA(type: string, at: string): EcsError {
  return refusals.malformed(`The member '${at}' is not of the type ${type}.`);
}
