import { containersAnnotation, podTerms, termsProblems } from './container-terms.ts';
import type { Pod } from './types.ts';

const spec = { containers: [{ name: 'web' }, { name: 'db' }, { name: 'init' }] };
const problems = (value: unknown) =>
  termsProblems({ [containersAnnotation]: typeof value === 'string' ? value : JSON.stringify(value) }, spec).map(
    ({ at, detail }) => `${at}: ${detail}`,
  );

describe('terms of containers', () => {
  it('are nothing where nothing is said', () => {
    expect(termsProblems(undefined, spec)).toEqual([]);
    expect(podTerms({ metadata: {}, spec } as unknown as Pod)).toEqual({});
  });

  it('are read once per object', () => {
    const terms = {
      web: { dependsOn: [{ container: 'db', condition: 'healthy', timeoutSeconds: 5 }], essential: true },
    };
    expect(problems(terms)).toEqual([]);
    const pod = {
      metadata: { annotations: { [containersAnnotation]: JSON.stringify(terms) } },
      spec,
    } as unknown as Pod;
    expect(podTerms(pod)).toEqual(terms);
    expect(podTerms(pod)).toBe(podTerms({ ...pod }));
  });

  it.each([
    ['{', /^: must be JSON/],
    [[], /^: must be an object with a field per container/],
    [{ cache: {} }, /^cache: must be one of the pod's containers: web, db, init/],
    [{ web: 1 }, /^web: must be an object/],
    [{ web: { needs: [] } }, /^web.needs: is not known here; there are dependsOn, essential/],
    [{ web: { essential: 'yes' } }, /^web.essential: must be true or false/],
    [{ web: { dependsOn: {} } }, /^web.dependsOn: must be a list/],
    [{ web: { dependsOn: ['db'] } }, /^web.dependsOn\[0\]: must be an object/],
    [
      { web: { dependsOn: [{ container: 'web', condition: 'started' }] } },
      /^web.dependsOn\[0\].container: must be another/,
    ],
    [{ web: { dependsOn: [{ container: 'db', condition: 'ready' }] } }, /condition: must be one of started, healthy/],
    [{ web: { stopTimeoutSeconds: -1 } }, /^web.stopTimeoutSeconds: must be a whole number from 0 to 86400/],
    [{ web: { dependsOn: [{ container: 'db', condition: 'started', timeoutSeconds: 0 }] } }, /from 1 to 86400/],
  ])('refuse %j', (value, text) => {
    expect(problems(value)).toEqual([expect.stringMatching(text)]);
  });

  it('refuse containers that wait for each other, and name them', () => {
    const on = (container: string) => ({ dependsOn: [{ container, condition: 'started' }] });
    const annotations = { [containersAnnotation]: JSON.stringify({ web: on('db'), db: on('init'), init: on('web') }) };
    expect(termsProblems(annotations, spec)).toEqual([
      { at: 'web', value: 'web -> db -> init -> web', detail: 'containers wait for each other' },
    ]);
  });
});
