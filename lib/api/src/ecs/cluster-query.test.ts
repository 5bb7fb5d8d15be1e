import { bothQueries, parseQuery } from './cluster-query.ts';

const zone = 'topology.kubernetes.io/zone';
const own = (name: string) => `attribute.ecs.slipway.dev/${name}`;

describe('the cluster query language', () => {
  it.each([
    ['attribute:ecs.availability-zone == a', [{ matchExpressions: [{ key: zone, operator: 'In', values: ['a'] }] }]],
    ['attribute:stack != test', [{ matchExpressions: [{ key: own('stack'), operator: 'NotIn', values: ['test'] }] }]],
    [
      'attribute:ecs.availability-zone in [a, b]',
      [{ matchExpressions: [{ key: zone, operator: 'In', values: ['a', 'b'] }] }],
    ],
    ['attribute:stack exists', [{ matchExpressions: [{ key: own('stack'), operator: 'Exists' }] }]],
    ['attribute:stack !exists', [{ matchExpressions: [{ key: own('stack'), operator: 'DoesNotExist' }] }]],
    ['attribute:size >= 4', [{ matchExpressions: [{ key: own('size'), operator: 'Gt', values: ['3'] }] }]],
    ['ec2InstanceId in [n1]', [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }]],
    [
      'attribute:ecs.cpu-architecture == x86_64',
      [{ matchExpressions: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }] }],
    ],
  ])('%s', (text, terms) => {
    expect(parseQuery(text)).toEqual(terms);
  });

  it('binds "and" before "or", and lets brackets say otherwise', () => {
    expect(parseQuery('attribute:a exists or attribute:b exists and attribute:c exists')).toHaveLength(2);
    expect(parseQuery('(attribute:a exists or attribute:b exists) and attribute:c exists')).toEqual([
      {
        matchExpressions: [
          { key: own('a'), operator: 'Exists' },
          { key: own('c'), operator: 'Exists' },
        ],
      },
      {
        matchExpressions: [
          { key: own('b'), operator: 'Exists' },
          { key: own('c'), operator: 'Exists' },
        ],
      },
    ]);
  });

  it('takes "not" to what is inside', () => {
    expect(parseQuery('not (attribute:a == x and attribute:b exists)')).toEqual([
      { matchExpressions: [{ key: own('a'), operator: 'NotIn', values: ['x'] }] },
      { matchExpressions: [{ key: own('b'), operator: 'DoesNotExist' }] },
    ]);
    expect(parseQuery('!(attribute:size > 3)')).toEqual([
      { matchExpressions: [{ key: own('size'), operator: 'Lt', values: ['4'] }] },
      { matchExpressions: [{ key: own('size'), operator: 'DoesNotExist' }] },
    ]);
  });

  it('of two constraints wants both', () => {
    const both = bothQueries(parseQuery('attribute:a exists or attribute:b exists'), parseQuery('ec2InstanceId == n1'));
    expect(both).toHaveLength(2);
    expect(both.every(({ matchFields, matchExpressions }) => matchFields && matchExpressions)).toBe(true);
    expect(bothQueries([], parseQuery('attribute:a exists'))).toHaveLength(1);
  });

  it.each([
    ['', 'the expression ends too early'],
    ['attribute:a', 'the expression ends too early'],
    ['agentVersion == 1', '"agentVersion" is not served in placement constraints'],
    ['task:group == service:web', '"task:group" is not served in placement constraints'],
    [`${'('.repeat(60)}attribute:a exists${')'.repeat(60)}`, 'nested more than 50 deep'],
    [`${'!'.repeat(1_900)}attribute:a exists`, 'nested more than 50 deep'],
    ['color == red', '"color" is no subject'],
    ['__proto__ == red', '"__proto__" is no subject'],
    ['attribute:a =~ b*', 'the operator "matches" is not served in placement constraints'],
    ['attribute:a is b', '"is" is no operator'],
    ['attribute:a constructor b', '"constructor" is no operator'],
    ['runningTasksCount in [1]', 'runningTasksCount does not take the operator "in"'],
    ['attribute:a == b "', '""" is not understood'],
    [`attribute:a == ${'b'.repeat(2_000)}`, 'more than 2000 characters'],
    [Array(12).fill('(attribute:a exists or attribute:b exists)').join(' and '), 'more than 64 alternatives'],
    ['attribute:a > b', '"b" is no whole number'],
    ['(attribute:a exists', 'the expression ends too early'],
    ['attribute:a exists attribute:b exists', '"attribute:b" was not expected'],
    ['attribute:a in (b)', '"[" was expected before "("'],
  ])('refuses %s', (text, message) => {
    expect(() => parseQuery(text)).toThrow(message);
  });
});
