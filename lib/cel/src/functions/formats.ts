/** Named formats (`format.dns1123Label().validate(x)`), and `"%s is %d".format([...])`. */
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '@slipway/api/names';
import type { CostMeter } from '../cost-meter.ts';
import { durationText, isDuration, timestampText } from '../times.ts';
import {
  CelCidr,
  CelDuration,
  CelError,
  CelIp,
  CelOpaque,
  CelOptional,
  CelQuantity,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  fromJson,
  mapGet,
  mapKeys,
  noneOptional,
} from '../values.ts';
import { formatIp } from '@slipway/api/ip-address';
import { doubleText } from './numbers.ts';
import { overload, perCharacter, type Overload } from './overload.ts';

type Check = (text: string) => readonly string[];

class CelFormat extends CelOpaque {
  override readonly typeName = 'kubernetes.NamedFormat';
  readonly name: string;
  readonly check: Check;
  constructor(name: string, check: Check) {
    super();
    this.name = name;
    this.check = check;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelFormat && other.name === this.name;
  }
}

const one =
  (isGood: (text: string) => boolean, problem: string): Check =>
  (text) =>
    isGood(text) ? [] : [problem];
/** A name that something is appended to may end where a whole one may not. */
const prefix =
  (check: Check): Check =>
  (text) =>
    check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const checks: Readonly<Record<string, Check>> = {
  dns1123Label: dnsLabelProblems,
  dns1123Subdomain: dnsSubdomainProblems,
  dns1035Label: dns1035LabelProblems,
  dns1123LabelPrefix: prefix(dnsLabelProblems),
  dns1123SubdomainPrefix: prefix(dnsSubdomainProblems),
  dns1035LabelPrefix: prefix(dns1035LabelProblems),
  qualifiedName: qualifiedNameProblems,
  labelValue: labelValueProblems,
  uri: one((text) => /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && URL.canParse(text), 'invalid URI'),
  uuid: one(
    (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
    'does not match the UUID format',
  ),
  byte: one((text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, 'invalid base64'),
  date: one((text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)), 'invalid date'),
  datetime: one(
    (text) =>
      /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) &&
      !Number.isNaN(Date.parse(text.toUpperCase())),
    'invalid datetime',
  ),
  duration: one(isDuration, 'invalid duration'),
};

const formats = new Map(Object.entries(checks).map(([name, check]) => [name, new CelFormat(name, check)]));

function validate(format: CelFormat, text: string): CelOptional {
  const problems = format.check(text);
  return problems.length === 0 ? noneOptional : new CelOptional(problems);
}

/** Texts are put together piece by piece; each piece is paid for. */
function formatted(template: string, args: readonly unknown[], meter: CostMeter): string {
  let next = 0;
  const text = template.replace(
    /%(?:\.(\d{1,3}))?([a-zA-Z%])|%/g,
    (whole, precision: string | undefined, verb: string | undefined) => {
      if (verb === '%') return '%';
      if (verb === undefined) throw new CelError(`could not parse formatting clause: ${whole}`);
      if (next >= args.length) throw new CelError(`index ${next} out of range`);
      const shown = clause(fromJson(args[next++]), verb, precision === undefined ? undefined : Number(precision));
      meter.charge(shown.length * perCharacter);
      return shown;
    },
  );
  return text;
}

function clause(value: unknown, verb: string, precision: number | undefined): string {
  const number = value instanceof CelUint ? value.value : value;
  switch (verb) {
    case 's':
      return showValue(value);
    case 'd':
      if (typeof number === 'bigint') return String(number);
      break;
    case 'f':
      if (typeof number === 'number' || typeof number === 'bigint')
        return Number(number).toFixed(Math.min(precision ?? 6, 100));
      break;
    case 'e':
      if (typeof number === 'number' || typeof number === 'bigint') {
        return Number(number)
          .toExponential(Math.min(precision ?? 6, 100))
          .replace(/e([+-])(\d)$/, 'e$10$2');
      }
      break;
    case 'b':
      if (typeof number === 'bigint') return number.toString(2);
      if (typeof number === 'boolean') return number ? '1' : '0';
      break;
    case 'o':
      if (typeof number === 'bigint') return number.toString(8);
      break;
    case 'x':
    case 'X': {
      const hex =
        typeof number === 'bigint' ? number.toString(16) : typeof number === 'string' ? hexOf(number) : undefined;
      if (hex !== undefined) return verb === 'X' ? hex.toUpperCase() : hex;
      break;
    }
    default:
      throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
  throw new CelError(`error during formatting: ${verb} clause cannot be used on this type`);
}

function hexOf(text: string): string {
  return new TextEncoder().encode(text).toHex();
}

function showValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return doubleText(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return timestampText(value);
  if (value instanceof CelDuration) return durationText(value);
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelIp) return formatIp(value.ip);
  if (value instanceof CelCidr || value instanceof CelQuantity) return value.text();
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (Array.isArray(value)) return `[${value.map((item) => showValue(fromJson(item))).join(', ')}]`;
  if (value instanceof CelOpaque || value instanceof CelOptional || typeof value !== 'object')
    throw new CelError('string clause cannot be used on this type');
  const entries = mapKeys(value).map((key) => `${showValue(key)}: ${showValue(fromJson(mapGet(value, key)))}`);
  return `{${entries.sort().join(', ')}}`;
}

export const formatOverloads: readonly Overload[] = [
  ...[...formats].map(([name, format]) => overload<[]>(`format.${name}(): Format`, () => format)),
  overload<[string]>('format.named(string): optional<Format>', ([name]) => {
    const format = formats.get(name);
    return format ? new CelOptional(format) : noneOptional;
  }),
  overload<[CelFormat, string]>(
    'Format.validate(string): optional<list<string>>',
    ([format, text]) => validate(format, text),
    {
      of: ([, size = 0]) => size * perCharacter * 2,
    },
  ),
  overload<[string, readonly unknown[]]>(
    'string.format(list<dyn>): string',
    ([template, args], meter) => formatted(template, args, meter),
    { of: ([size = 0]) => size * perCharacter, work: 20 },
  ),
];
