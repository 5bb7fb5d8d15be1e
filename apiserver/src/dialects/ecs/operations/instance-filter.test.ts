import { type InstanceFacts, instanceFilter } from './instance-filter.ts';

const facts: InstanceFacts = {
  attributes: new Map([
    ['stack', 'prod'],
    ['ecs.instance-type', 't3.small'],
    ['size', '10'],
    ['flag', ''],
  ]),
  agentConnected: true,
  agentVersion: 'v1.36.0',
  ec2InstanceId: 'node-1',
  registeredAt: '2026-11-21T10:00:00Z',
  runningTasksCount: 2,
  taskGroups: new Set(['service:web', 'family:job']),
};

describe('a filter of container instances', () => {
  it.each([
    ['attribute:stack == prod', true],
    ['attribute:stack != prod', false],
    ['attribute:other != prod', true],
    ['attribute:flag exists', true],
    ['attribute:other exists', false],
    ['attribute:other not_exists and attribute:stack exists', true],
    ['attribute:ecs.instance-type =~ t3.*', true],
    ['attribute:ecs.instance-type =~ t3', false],
    ['attribute:ecs.instance-type =~ (t2|t3)[.]small', true],
    ['(attribute:ecs.instance-type =~ t2.* or attribute:stack == prod)', true],
    ['attribute:ecs.instance-type !~ t2.*', true],
    ['attribute:ecs.instance-type matches "t3[.]sm.*"', true],
    ['attribute:size > 9', true],
    ['attribute:size <= 9', false],
    ['attribute:stack > 9', false],
    ['attribute:stack in [test, prod]', true],
    ['attribute:stack not_in [test, "prod"]', false],
    ['agentConnected == true', true],
    ['agentVersion >= 1.9.0', true],
    ['agentVersion < 1.36', false],
    ['ec2InstanceId in [node-1, node-2]', true],
    ['registeredAt < 2026-11-22', true],
    ['registeredAt > 2026-11-21T10:00:00+01:00', true],
    ['registeredAt >= 2026-11-21T10:00:00', true],
    ['runningTasksCount == 2', true],
    ['runningTasksCount < 2', false],
    ['task:group == service:web', true],
    ['not (task:group in [service:db])', true],
    ['task:group == service:db or task:group == family:job', true],
  ])('%s: %s', (text, holds) => {
    expect(instanceFilter(text)(facts)).toBe(holds);
  });

  it.each([
    ['attribute:stack', 'the expression ends too early'],
    ['attribute:stack =~ (', 'missing closing )'],
    ['runningTasksCount == many', '"many" is no whole number'],
    ['registeredAt > yesterday', '"yesterday" is no date'],
    ['running == 1', '"running" is no subject'],
  ])('refuses %s', (text, message) => {
    expect(() => instanceFilter(text)).toThrow(expect.objectContaining({ code: 'InvalidParameterException' }));
    expect(() => instanceFilter(text)).toThrow(message);
  });

  it('takes a pattern that would never end elsewhere', () => {
    const long = { ...facts, attributes: new Map([['a', `${'a'.repeat(5_000)}!`]]) };
    expect(instanceFilter('attribute:a =~ (a*)*b')(long)).toBe(false);
  });
});
