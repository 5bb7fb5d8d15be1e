import fc from 'fast-check';
import { Arns, clusterOfArn, nameFrom, parseArn } from './arns.ts';
import { objectName, taskDefinitionName } from './object-names.ts';

describe('names of objects', () => {
  it('are the ECS names where these fit', () => {
    expect(taskDefinitionName('web', 3)).toBe('web.3');
    expect(objectName('cluster', 'default')).toBe('default');
    expect(objectName('service', 'front-end')).toBe('front-end');
  });

  it('carry a hash where they do not', () => {
    expect(taskDefinitionName('Prod_EU', 12)).toMatch(/^prod-eu\.[0-9a-f]{10}\.12$/);
    expect(objectName('cluster', 'Prod_EU')).toMatch(/^prod-eu-[0-9a-f]{10}$/);
    expect(objectName('service', '9lives')).toMatch(/^s-9lives-[0-9a-f]{10}$/);
    expect(objectName('family', '__')).toMatch(/^x\.[0-9a-f]{10}$/);
  });

  it('are valid and different for different ECS names', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,255}$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        for (const thing of ['family', 'cluster', 'service', 'capacityProvider'] as const) {
          const made = objectName(thing, one);
          expect(made).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[0-9a-f]{10})?$/);
          expect(made.length).toBeLessThanOrEqual(thing === 'family' ? 211 : 63);
          if (thing === 'service') expect(made).toMatch(/^[a-z]/);
          expect(made === objectName(thing, other)).toBe(one === other);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('ARNs', () => {
  const arns = new Arns('eu-central-1', '123456789012');

  it('are taken apart as they are made', () => {
    expect(arns.task('default', 'abc')).toBe('arn:aws:ecs:eu-central-1:123456789012:task/default/abc');
    expect(nameFrom('task', arns.task('default', 'abc'))).toBe('abc');
    expect(clusterOfArn(arns.task('blue', 'abc'))).toBe('blue');
    expect(parseArn(arns.taskDefinition('web', 3))).toEqual({ kind: 'task-definition', parts: ['web:3'] });
    expect(nameFrom('cluster', 'plain')).toBe('plain');
  });

  it('of another kind are refused', () => {
    expect(() => nameFrom('task', arns.cluster('default'))).toThrow('Invalid identifier');
    expect(() => nameFrom('task', 'arn:aws:s3:::bucket')).toThrow('Invalid identifier');
  });
});
