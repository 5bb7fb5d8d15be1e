import fc from 'fast-check';
import {
  byteLength,
  cIdentifierProblems,
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envNameProblems,
  labelValueProblems,
  pathSegmentProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
  subdomainName,
} from './names.ts';

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const qualified =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

describe('names', () => {
  it.each([
    [dnsLabelProblems, 'a-1', []],
    [dnsLabelProblems, 'A', [label]],
    [dnsLabelProblems, 'a.b', ['must not contain dots']],
    [dnsLabelProblems, 'a'.repeat(64), ['must be no more than 63 bytes']],
    [dnsSubdomainProblems, 'a.b-c', []],
    [dnsSubdomainProblems, '-a', [subdomain]],
    [dnsSubdomainProblems, 'a..b', [subdomain]],
    [dnsSubdomainProblems, 'a\n', [subdomain]],
    [dnsSubdomainProblems, 'a'.repeat(254), ['must be no more than 253 bytes']],
    [
      dns1035LabelProblems,
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [qualifiedNameProblems, 'app', []],
    [qualifiedNameProblems, 'example.com/App_1', []],
    [qualifiedNameProblems, '', ['name part must be non-empty', `name part ${qualified}`]],
    [qualifiedNameProblems, '/a', ['prefix part must be non-empty']],
    [qualifiedNameProblems, 'A/a', [`prefix part ${subdomain}`]],
    [qualifiedNameProblems, 'a'.repeat(64), ['name part must be no more than 63 bytes']],
    [
      qualifiedNameProblems,
      'a/b/c',
      [`a qualified name ${qualified} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`],
    ],
    [labelValueProblems, '', []],
    [labelValueProblems, 'a'.repeat(64), ['must be no more than 63 bytes']],
    [
      labelValueProblems,
      'a b',
      [
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
    [configKeyProblems, 'a.b_C-1', []],
    [configKeyProblems, '..', ["must not be '..'"]],
    [configKeyProblems, '..a', ["must not start with '..'"]],
    [envNameProblems, '1 odd-NAME', []],
    [
      envNameProblems,
      'a=b',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    [portNameProblems, 'http-1', []],
    [portNameProblems, '80', ['must contain at least one letter (a-z)']],
    [portNameProblems, 'a--b', ['must not contain consecutive hyphens']],
    [portNameProblems, 'a234567890123456', ['must be no more than 15 bytes']],
    [cIdentifierProblems, 'A_1', []],
  ] as const)('%p of %j', (rule, value, problems) => {
    expect(rule(value)).toEqual(problems);
  });

  it('accepts a trailing dash in a prefix', () => {
    expect(subdomainName('web-', true)).toEqual([]);
    expect(subdomainName('web-', false)).toEqual([subdomain]);
  });

  it('lets RBAC names hold colons but no path', () => {
    expect(pathSegmentProblems('system:node', false)).toEqual([]);
    expect(pathSegmentProblems('a/b%', false)).toEqual(["may not contain '/'", "may not contain '%'"]);
    expect(pathSegmentProblems('..', false)).toEqual(["may not be '..'"]);
    expect(portNumberProblems(0)).toEqual(['must be between 1 and 65535, inclusive']);
  });

  it('counts bytes as UTF-8 does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(byteLength(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });
});
