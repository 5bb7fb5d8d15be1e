/** Values that no careful client sends, and objects in which one place is such a value. */
import type { Dice } from './dice.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const texts = [
  '',
  ' ',
  'a',
  '-',
  '..',
  '../../x',
  '%00',
  '\u0000',
  '\ud800',
  'é'.repeat(64),
  'A'.repeat(300),
  '__proto__',
  'constructor',
  '{{.}}',
  '$(HOME)',
  "'; drop table pods",
  '9'.repeat(400),
  '1e400',
  '-0',
  '0x10',
  '99999999999999999999Gi',
  '1.5.5Gi',
  '1e-999999999',
  '2026-13-45T99:99:99Z',
  '0000-00-00T00:00:00Z',
  '::ffff:1.2.3.4',
  '300.1.1.1',
  `${'a'.repeat(64)}!`,
  `${'a-'.repeat(120)}`,
  `${'(a+)+'.repeat(20)}$`,
];

const numbers = [0, -1, 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, -(2 ** 63), 1e300, 0.1, -0];
const keys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  '.',
  '$patch',
  'f:x',
  '🙂',
  '\u0000',
];

export function hostileText(dice: Dice): string {
  return dice.chance(0.02) ? dice.of(texts).repeat(2_000).slice(0, 200_000) : dice.of(texts);
}

export function hostileKey(dice: Dice): string {
  return dice.of(keys);
}

export function hostileValue(dice: Dice, depth = 0): Json {
  switch (dice.below(depth > 3 ? 4 : 9)) {
    case 0:
      return null;
    case 1:
      return dice.chance(0.5);
    case 2:
      return dice.of(numbers);
    case 3:
      return hostileText(dice);
    case 4:
      return Array.from({ length: dice.below(4) }, () => hostileValue(dice, depth + 1));
    case 5:
      return nested(dice.of([10, 100, 1_200]), dice.chance(0.5));
    case 6:
      return wide(dice.of([10, 1_000]));
    default:
      return objectWith(
        Array.from({ length: dice.below(4) }, () => [hostileKey(dice), hostileValue(dice, depth + 1)] as const),
      );
  }
}

function nested(levels: number, asList: boolean): Json {
  let value: Json = 'deep';
  for (let level = 0; level < levels; level++) value = asList ? [value] : { a: value };
  return value;
}

function wide(count: number): Json {
  return objectWith(Array.from({ length: count }, (_, index) => [`k${index}`, index] as const));
}

/** Own properties, whatever they are called. */
function objectWith(entries: readonly (readonly [string, Json])[]): Json {
  return Object.fromEntries(entries);
}

/** The same value with one or two places changed. */
export function mutated(value: Json, dice: Dice): Json {
  const copy = structuredClone(value);
  for (let times = 1 + dice.below(2); times > 0; times--) mutateOnce(copy, dice);
  return copy;
}

function mutateOnce(value: Json, dice: Dice): void {
  if (typeof value !== 'object' || value === null) return;
  const names = Object.keys(value);
  const at = dice.of(names.length === 0 ? ['x'] : names);
  const place = value as { [key: string]: Json };
  const inner = place[at];
  if (typeof inner === 'object' && inner !== null && dice.chance(0.75)) {
    mutateOnce(inner, dice);
    return;
  }
  switch (dice.below(4)) {
    case 0:
      delete place[at];
      return;
    case 1:
      define(place, hostileKey(dice), hostileValue(dice));
      return;
    default:
      define(place, at, hostileValue(dice));
  }
}

function define(place: object, key: string, value: Json): void {
  if (Array.isArray(place) && key === 'length') return;
  Object.defineProperty(place, key, { value, enumerable: true, configurable: true, writable: true });
}

/** JSON that carries `__proto__` as a key, which literals in a program cannot. */
export function textOf(value: Json): string {
  return JSON.stringify(value) ?? 'null';
}

/** A text or bytes that are nearly a body. */
export function damaged(body: Buffer, dice: Dice): Buffer {
  if (body.length === 0) return Buffer.from('{');
  switch (dice.below(6)) {
    case 0:
      return body.subarray(0, dice.below(body.length));
    case 1: {
      const copy = Buffer.from(body);
      for (let times = 1 + dice.below(4); times > 0; times--) copy[dice.below(copy.length)] = dice.below(256);
      return copy;
    }
    case 2:
      return Buffer.concat([body, dice.bytes(1 + dice.below(20))]);
    case 3:
      return Buffer.concat([Buffer.from([0xff, 0xfe, 0xc0, 0x80]), body]);
    case 4:
      return Buffer.from(body.toString('latin1').replace(/"/, '"\ud800'), 'utf16le');
    default:
      return dice.bytes(dice.below(300));
  }
}
