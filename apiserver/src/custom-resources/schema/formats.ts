/** The formats that schemas of custom resources may name. Unknown ones are not looked at. All patterns take linear time. */
import { parseCidr, parseIp } from '@slipway/api/ip-address';
import { dnsSubdomainProblems } from '@slipway/api/names';
import { isDuration } from '@slipway/cel/times';

const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

function isDateTime(text: string): boolean {
  const isShaped = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:?\d\d)$/.test(text);
  return isShaped && !Number.isNaN(Date.parse(text.toUpperCase().replace(' ', 'T')));
}

const isUuid = (version: string) => (text: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i').test(text);

export const formatChecks: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  date: isDate,
  datetime: isDateTime,
  'date-time': isDateTime,
  duration: isDuration,
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text) && text.length <= 254,
  hostname: (text) => dnsSubdomainProblems(text.toLowerCase()).length === 0,
  ipv4: (text) => parseIp(text)?.family === 4,
  ipv6: (text) => parseIp(text)?.family === 6,
  cidr: (text) => parseCidr(text) !== undefined,
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uri: (text) => URL.canParse(text) || (text.startsWith('/') && URL.canParse(text, 'none://')),
  uuid: isUuid('[0-9a-f]'),
  uuid3: isUuid('3'),
  uuid4: isUuid('4'),
  uuid5: isUuid('5'),
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
  'isbn',
  'isbn10',
  'isbn13',
  'creditcard',
  'ssn',
  'rgbcolor',
]);
