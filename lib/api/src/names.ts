/**
 * Rules for names. Each function returns what is wrong, in upstream's words; empty means that the name is good.
 * Lengths are in bytes.
 */

/** The one answer of every passed check; frozen, so that nobody adds to it. */
const fine: readonly string[] = Object.freeze([]);

interface Rule {
  readonly pattern: RegExp;
  readonly message: string;
}

function rule(message: string, source: string, ...examples: readonly string[]): Rule {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  const hint =
    examples.length === 0
      ? ` (regex used for validation is '${source}')`
      : ` (e.g. ${shown}regex used for validation is '${source}')`;
  return { pattern: new RegExp(`^(?:${source})$`), message: message + hint };
}

const labelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomainFormat = `${labelFormat}(\\.${labelFormat})*`;
const qualifiedFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const dnsLabel = rule(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  labelFormat,
  'my-name',
  '123-abc',
);
const dnsSubdomain = rule(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomainFormat,
  'example.com',
);
const wildcardSubdomain = rule(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  `\\*\\.${subdomainFormat}`,
  '*.example.com',
);
const searchDomain = rule(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*',
  'example.com',
);
const dns1035Label = rule(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
);
const qualified = rule(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualifiedFormat,
  'MyName',
  'my.name',
  '123-abc',
);
const labelValue = rule(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  `(${qualifiedFormat})?`,
  'MyValue',
  'my_value',
  '12345',
);
const configKey = rule(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  '[-._a-zA-Z0-9]+',
  'key.name',
  'KEY_NAME',
  'key-name',
);
const httpHeader = rule(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  '[-A-Za-z0-9]+',
  'X-Header-Name',
);
const cIdentifier = rule(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  '[A-Za-z_][A-Za-z0-9_]*',
  'my_name',
  'MY_NAME',
  'MyName',
);
const portNameCharacters = /^[-a-z0-9]+$/;
const letter = /[a-z]/;
const printableWithoutEquals = /^[ -<>-~]*$/;

export const maxLabelLength = 63;
export const maxSubdomainLength = 253;

export function maxLengthMessage(limit: number): string {
  return `must be no more than ${limit} bytes`;
}

export function rangeMessage(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

/** Length in UTF-8, as upstream counts. */
export function byteLength(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // Both halves of a surrogate pair add one: two units of UTF-16, four bytes.
    length += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return length;
}

function tooLong(text: string, limit: number): boolean {
  return text.length > limit || (text.length * 3 > limit && byteLength(text) > limit);
}

function check(value: string, { pattern, message }: Rule, limit: number): readonly string[] {
  const long = tooLong(value, limit);
  const shaped = pattern.test(value);
  if (!long && shaped) return fine;
  return [...(long ? [maxLengthMessage(limit)] : []), ...(shaped ? [] : [message])];
}

/** RFC 1123 label: names of namespaces, containers, volumes. */
export function dnsLabelProblems(value: string): readonly string[] {
  const problems = check(value, dnsLabel, maxLabelLength);
  if (problems.length === 0 || !value.includes('.') || !dnsSubdomain.pattern.test(value)) return problems;
  return problems.map((problem) => (problem === dnsLabel.message ? 'must not contain dots' : problem));
}

/** RFC 1123 subdomain: the name rule of most kinds. */
export function dnsSubdomainProblems(value: string): readonly string[] {
  return check(value, dnsSubdomain, maxSubdomainLength);
}

/** A domain that resolvers search: labels may hold underscores, as in `_tcp.example.com`. */
export function searchDomainProblems(value: string): readonly string[] {
  return check(value, searchDomain, maxSubdomainLength);
}

export function wildcardSubdomainProblems(value: string): readonly string[] {
  return check(value, wildcardSubdomain, maxSubdomainLength);
}

/** RFC 1035 label: names of services. */
export function dns1035LabelProblems(value: string): readonly string[] {
  return check(value, dns1035Label, maxLabelLength);
}

/** Label keys, annotation keys, finalizers, resource names: `name` or `example.com/name`. */
export function qualifiedNameProblems(value: string): readonly string[] {
  const slash = value.indexOf('/');
  if (slash === -1) return namePartProblems(value);
  if (value.indexOf('/', slash + 1) !== -1) {
    return [
      `a qualified name ${qualified.message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const prefix = value.slice(0, slash);
  const ofPrefix = prefix === '' ? ['must be non-empty'] : dnsSubdomainProblems(prefix);
  const ofName = namePartProblems(value.slice(slash + 1));
  if (ofPrefix.length === 0) return ofName;
  return [...ofPrefix.map((problem) => `prefix part ${problem}`), ...ofName];
}

function namePartProblems(name: string): readonly string[] {
  const length =
    name.length === 0
      ? 'must be non-empty'
      : tooLong(name, maxLabelLength)
        ? maxLengthMessage(maxLabelLength)
        : undefined;
  const shaped = qualified.pattern.test(name);
  if (length === undefined && shaped) return fine;
  const problems = [...(length === undefined ? [] : [length]), ...(shaped ? [] : [qualified.message])];
  return problems.map((problem) => `name part ${problem}`);
}

export function labelValueProblems(value: string): readonly string[] {
  return check(value, labelValue, maxLabelLength);
}

/** Keys of ConfigMaps and Secrets: they become file names. */
export function configKeyProblems(value: string): readonly string[] {
  const problems = check(value, configKey, maxSubdomainLength);
  const dots = leadingDotsProblem(value);
  return dots === undefined ? problems : [...problems, dots];
}

function leadingDotsProblem(value: string): string | undefined {
  if (value === '.') return "must not be '.'";
  if (value === '..') return "must not be '..'";
  return value.startsWith('..') ? "must not start with '..'" : undefined;
}

export function envNameProblems(value: string): readonly string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (printableWithoutEquals.test(value)) return fine;
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function httpHeaderProblems(value: string): readonly string[] {
  return httpHeader.pattern.test(value) ? fine : [httpHeader.message];
}

export function cIdentifierProblems(value: string): readonly string[] {
  return cIdentifier.pattern.test(value) ? fine : [cIdentifier.message];
}

export function portNumberProblems(port: number): readonly string[] {
  return port >= 1 && port <= 65535 ? fine : [rangeMessage(1, 65535)];
}

/** IANA service name, as ports of containers are called. */
export function portNameProblems(name: string): readonly string[] {
  const problems: string[] = [];
  if (tooLong(name, 15)) problems.push(maxLengthMessage(15));
  if (!portNameCharacters.test(name)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!letter.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** Names that are one segment of a path and nothing more: the RBAC kinds. */
export function pathSegmentProblems(value: string, isPrefix: boolean): readonly string[] {
  const problems: string[] = [];
  if (!isPrefix && (value === '.' || value === '..')) problems.push(`may not be '${value}'`);
  for (const character of ['/', '%']) {
    if (value.includes(character)) problems.push(`may not contain '${character}'`);
  }
  return problems;
}

/** `metadata.name` rules take a generateName too, which may end in a dash. */
export type NameRule = (name: string, isPrefix: boolean) => readonly string[];

export const subdomainName: NameRule = (name, isPrefix) => dnsSubdomainProblems(withoutTrailingDash(name, isPrefix));
export const labelName: NameRule = (name, isPrefix) => dnsLabelProblems(withoutTrailingDash(name, isPrefix));
export const dns1035Name: NameRule = (name, isPrefix) => dns1035LabelProblems(withoutTrailingDash(name, isPrefix));

function withoutTrailingDash(name: string, isPrefix: boolean): string {
  return isPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -1)}a` : name;
}
