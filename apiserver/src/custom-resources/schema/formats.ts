/** The formats that schemas of custom resources may name. Unknown ones are not looked at. All patterns take linear time. */
import { parseCidr, parseIp } from '@slipway/api/ip-address';
import { dnsLabelProblems, dnsSubdomainProblems } from '@slipway/api/names';
import { isDuration } from '@slipway/cel/times';

const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

function isDateTime(text: string): boolean {
  const isShaped = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:?\d\d)$/.test(text);
  return isShaped && !Number.isNaN(Date.parse(text.toUpperCase().replace(' ', 'T')));
}

const isUuid = (version: string, variant = '') => {
  const shape = `^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{${4 - (variant === '' ? 0 : 1)}}-?[0-9a-f]{12}$`;
  const pattern = new RegExp(shape, 'i');
  return (text: string) => pattern.test(text);
};

/** Names of hosts may have letters and symbols of any script, and end without a dot. */
function isHostname(text: string): boolean {
  const labels = text.split('.');
  const isLabel = (label: string) => /^[\p{L}\p{S}0-9](?:[\p{L}\p{S}0-9-]*[\p{L}\p{S}0-9])?$/u.test(label);
  return text.length <= 255 && labels.every((label) => label.length <= 63 && isLabel(label));
}

/** Digits and blanks and hyphens between them, which mean nothing. */
const digitsOf = (text: string) => text.replaceAll(/[\s-]+/g, '');

/** The last of ten is a check: 11 divides the sum of all, each times its place from behind; X is ten. */
function isIsbn10(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits, (digit, i) => (10 - i) * (digit === 'X' ? 10 : Number(digit)));
  return sum.reduce((a, b) => a + b) % 11 === 0;
}

/** 10 divides the sum of all thirteen, every second times three. */
function isIsbn13(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^\d{13}$/.test(digits)) return false;
  const sum = Array.from(digits, (digit, i) => (i % 2 === 0 ? 1 : 3) * Number(digit));
  return sum.reduce((a, b) => a + b) % 10 === 0;
}

/** The prefixes and lengths of the issuers that upstream knows. */
const cardShape =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

/** With Luhn's check: every second digit from behind counts twice, digits of the result added up. */
function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '');
  if (!cardShape.test(digits)) return false;
  const parts = Array.from(digits)
    .reverse()
    .map((digit, i) => {
      const value = Number(digit) * (i % 2 === 0 ? 1 : 2);
      return value > 9 ? value - 9 : value;
    });
  return parts.reduce((a, b) => a + b) % 10 === 0;
}

const colourPart = String.raw`\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*`;
const rgbColour = new RegExp(String.raw`^rgb\(${colourPart},${colourPart},${colourPart}\)$`);

/** The formats of integers that are ranges, too. */
export const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, 2 ** 64],
  int64: [-(2 ** 63), 2 ** 63 - 1],
};

export const formatChecks: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  date: isDate,
  datetime: isDateTime,
  'date-time': isDateTime,
  duration: isDuration,
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text) && text.length <= 254,
  hostname: isHostname,
  'k8s-short-name': (text) => dnsLabelProblems(text).length === 0,
  'k8s-long-name': (text) => dnsSubdomainProblems(text).length === 0,
  ipv4: (text) => parseIp(text)?.family === 4,
  ipv6: (text) => parseIp(text)?.family === 6,
  cidr: (text) => parseCidr(text) !== undefined,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uri: (text) => URL.canParse(text) || (text.startsWith('/') && URL.canParse(text, 'none://')),
  uuid: isUuid('[0-9a-f]'),
  uuid3: isUuid('3'),
  uuid4: isUuid('4', '[89ab]'),
  uuid5: isUuid('5', '[89ab]'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  rgbcolor: (text) => rgbColour.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
};

/** As upstream knows them; a schema with another one gets a warning. */
export const knownFormats: ReadonlySet<string> = new Set([
  ...Object.keys(formatChecks),
  'int32',
  'int64',
  'float',
  'double',
  'password',
]);
