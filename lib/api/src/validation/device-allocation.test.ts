import type { AllocationResult } from '../types.ts';
import { validateAllocation } from './device-allocation.ts';
import type { FieldError } from './field-error.ts';

type Result = NonNullable<NonNullable<AllocationResult['devices']>['results']>[number];

const result: Result = { request: 'gpu/big', driver: 'd.example.com', pool: 'nodes/a', device: 'x' };

function problems(devices: AllocationResult['devices'], rest: Omit<AllocationResult, 'devices'> = {}): string[] {
  const errors: FieldError[] = [];
  validateAllocation(errors, { ...rest, devices }, new Set(['gpu', 'gpu/big']), 'at');
  return errors.map(({ field, body }) => `${field}: ${body}`);
}

const withResult = (change: Partial<Result>) => problems({ results: [{ ...result, ...change }] });
const reference =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
const inResult = 'at.devices.results[0]';

describe('what a claim of devices got', () => {
  it('is of requests of the claim, and of alternatives of them', () => {
    expect(problems({ results: [result, { ...result, request: 'gpu' }] })).toEqual([]);
    expect(withResult({ request: 'cpu' })).toEqual([`${inResult}.request: Invalid value: "cpu": ${reference}`]);
    expect(withResult({ request: 'gpu/a/b' })).toEqual([`${inResult}.request: Invalid value: "gpu/a/b": ${reference}`]);
  });

  it('names its device wholly', () => {
    expect(withResult({ driver: '', pool: '', device: 'X' })).toEqual([
      `${inResult}.driver: Required value`,
      `${inResult}.pool: Required value`,
      expect.stringContaining(`${inResult}.device: Invalid value: "X": a lowercase RFC 1123 label`),
    ]);
    expect(withResult({ pool: 'a//b' })).toEqual([expect.stringContaining(`${inResult}.pool: Invalid value: ""`)]);
    expect(withResult({ shareID: 'AB' })).toEqual([
      expect.stringContaining(`${inResult}.shareID: Invalid value: "AB"`),
    ]);
  });

  it('is bound by conditions that come in both kinds, each once', () => {
    expect(withResult({ bindingConditions: ['a'], bindingFailureConditions: ['b'] })).toEqual([]);
    expect(withResult({ bindingConditions: ['a'] })).toEqual([
      `${inResult}.bindingFailureConditions: Invalid value: []: bindingFailureConditions are required to use bindingConditions`,
    ]);
    expect(withResult({ bindingConditions: ['a', 'a'], bindingFailureConditions: ['a'] })).toEqual([
      `${inResult}.bindingConditions[1]: Duplicate value: "a"`,
      `${inResult}.bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions`,
    ]);
    expect(withResult({ bindingConditions: ['a', 'b', 'c', 'd', 'e'], bindingFailureConditions: ['f'] })).toEqual([
      `${inResult}.bindingConditions: Too many: 5: must have at most 4 items`,
    ]);
  });

  it('says whose its configurations are, and where it may be used', () => {
    const opaque = { driver: 'd', parameters: {} };
    expect(problems({ config: [{ source: 'FromClaim', requests: ['gpu'], opaque }] })).toEqual([]);
    expect(problems({ config: [{ source: 'Elsewhere', requests: ['cpu'], opaque }] })).toEqual([
      'at.devices.config[0].source: Unsupported value: "Elsewhere": supported values: "FromClaim", "FromClass"',
      `at.devices.config[0].requests[0]: Invalid value: "cpu": ${reference}`,
    ]);
    expect(problems({}, { nodeSelector: { nodeSelectorTerms: [] } })).toEqual([
      'at.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term',
    ]);
  });

  it('is not looked at where there is too much of it', () => {
    expect(problems({ results: Array.from({ length: 33 }, () => ({ ...result, request: 'cpu' })) })).toEqual([
      'at.devices.results: Too many: 33: must have at most 32 items',
    ]);
  });
});
