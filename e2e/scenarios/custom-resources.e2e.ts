/** A user brings a kind of their own: defines it, applies objects of it with kubectl, looks at them, scales them, and takes it all away again. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds } from '../harness/kubectl.ts';

const definition = (group: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.${group}}
spec:
  group: ${group}
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        description: Runs something now and then.
        properties:
          spec:
            type: object
            required: [cronSpec]
            x-kubernetes-validations:
            - {rule: "self.replicas <= 5", message: "no more than five replicas"}
            properties:
              cronSpec: {type: string, description: When it runs.}
              replicas: {type: integer, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
`;
const object = (group: string, cronSpec: string, more = '') => `
apiVersion: ${group}/v1
kind: CronTab
metadata: {name: my}
spec: {cronSpec: "${cronSpec}"${more}}
`;

describeWith(missingCapability({ programs: ['kubectl'] }), 'a kind of one’s own', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });
  afterAll(() => cluster.remove());

  it.each(kubectlEnds().map((path) => [path.split('/').at(-1) ?? path, path]))('with %s', async (label, program) => {
    const group = `${label.replaceAll('.', '-')}.example.com`;
    const raw = (args: string[], input?: string) =>
      cluster.kubectlWith(program, args, input === undefined ? {} : { input });
    const kubectl = async (args: string[], input?: string): Promise<string> => {
      const ran = await raw(args, input);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
      return ran.stdout;
    };
    const apply = (content: string) => kubectl(['apply', '-f', '-'], content);

    await apply(definition(group));
    await kubectl(['wait', '--for=condition=Established', `crd/crontabs.${group}`, '--timeout=10s']);
    const resource = `crontabs.${group}`;
    await eventually('the kind in discovery', () => kubectl(['get', resource]));
    expect(await apply(object(group, '* * * * *'))).toBe(`crontab.${group}/my created\n`);
    expect(await apply(object(group, '* * * * *'))).toBe(`crontab.${group}/my unchanged\n`);
    expect(await kubectl(['get', resource])).toMatch(/^NAME +SPEC +REPLICAS\nmy +\* \* \* \* \* +1\n$/);
    expect(await kubectl(['explain', `${resource}.spec`])).toContain('When it runs.');
    const differing = await raw(['diff', '-f', '-'], object(group, '0 * * * *'));
    expect([differing.code, differing.stdout]).toEqual([1, expect.stringContaining('+  cronSpec: 0 * * * *')]);
    expect(await apply(object(group, '0 * * * *'))).toBe(`crontab.${group}/my configured\n`);
    expect(await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], object(group, '1 * * * *'))).toBe(
      `crontab.${group}/my serverside-applied\n`,
    );
    await kubectl(['scale', `${resource}/my`, '--replicas=3']);
    expect(await kubectl(['get', resource, 'my', '-o', 'jsonpath={.spec.replicas}'])).toBe('3');
    const tooMany = await raw(['scale', `${resource}/my`, '--replicas=9']);
    expect([tooMany.code, tooMany.stderr]).toEqual([1, expect.stringContaining('no more than five replicas')]);
    const unknown = await raw(['apply', '-f', '-'], object(group, '0 * * * *', ', bogus: 1'));
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('unknown field "spec.bogus"')]);
    await kubectl(['delete', 'crd', `crontabs.${group}`, '--timeout=20s']);
    const gone = await raw(['get', resource]);
    expect([gone.code, gone.stderr]).toEqual([
      1,
      expect.stringMatching(/the server could not find|doesn't have a resource type/),
    ]);
  });
});
