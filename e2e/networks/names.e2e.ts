/**
 * Names and proxies as pods and users meet them: real pods on two nodes, glibc, busybox and dig as resolvers, dnsmasq as
 * the server of the LAN.
 */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import type { InsideProcess } from '../harness/nodes/namespaced-machine.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

const image = 'localhost/web:1';
const timeoutMs = 90_000;
const dnsIp = '10.96.0.10';
const programs = [...containerNeeds.programs, 'dig', 'dnsmasq', 'getent', 'socat', 'curl'];
/** Answers its own name, and at /cgi-bin/echo what it was asked. */
const serve = `
mkdir -p /tmp/w/cgi-bin
hostname >/tmp/w/index.html
cat >/tmp/w/cgi-bin/echo <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING"
cat
END
chmod 755 /tmp/w/cgi-bin/echo
httpd -p 8080 -h /tmp/w
while :; do sleep 1; done`;

describeWith(missingCapability({ ...containerNeeds, programs }), 'names over nodes', () => {
  let cluster: NodeCluster;
  let lanServer: InsideProcess;
  const ips: Record<string, string> = {};

  const aPod = (name: string, node: number, more: { metadata?: object; spec?: object } = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name }, ...more.metadata },
    spec: {
      nodeName: cluster.node(node).name,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image, command: ['sh', '-c', serve], ports: [{ name: 'web', containerPort: 8080 }] }],
      ...more.spec,
    },
  });
  const aService = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
  const ports = [{ name: 'web', port: 80, targetPort: 'web' }];
  const onNetwork = (aliases: readonly string[]) => ({
    metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'back', aliases }]) } },
  });

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 2 });
    const lan = ['--no-resolv', '--no-hosts', '--no-daemon', '--conf-file=/dev/null', '--pid-file=', '--user=root'];
    lanServer = cluster.lan.router.start('dnsmasq', [
      ...lan,
      '--host-record=www.lan.example,203.0.113.5',
      '--local=/lan.example/',
    ]);
    await cluster.loadExampleImage(image);
    const db = { metadata: { labels: { app: 'db' } }, spec: { hostname: 'db-0', subdomain: 'db' } };
    const subnets = [{ subnet: '10.5.0.0/24' }];
    await cluster.apply({
      apiVersion: 'networks.slipway.dev/v1',
      kind: 'Network',
      metadata: { name: 'back' },
      spec: { driver: 'bridge', subnets },
    });
    const items = [
      aService('web', { selector: { app: 'web' }, ports }),
      aService('db', { clusterIP: 'None', selector: { app: 'db' }, ports }),
      aService('late', { clusterIP: 'None', selector: { app: 'late' }, ports, publishNotReadyAddresses: true }),
      aService('inside', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
      aService('outside', { type: 'ExternalName', externalName: 'www.lan.example' }),
      aPod('web', 0),
      aPod('client', 1),
      aPod('first', 0, { ...db, metadata: { ...db.metadata } }),
      aPod('one', 0, onNetwork(['store', 'main'])),
      aPod('two', 0, onNetwork(['store'])),
    ];
    await cluster.apply({ apiVersion: 'v1', kind: 'List', items });
    await cluster
      .kubectl(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s'])
      .catch(async (error: unknown) => {
        throw new Error(`${error}\n${await cluster.kubectl(['get', 'events'])}`);
      });
    const { items: pods } = await cluster.get<{ items: { metadata: { name: string }; status: { podIP: string } }[] }>(
      'pods',
    );
    for (const { metadata, status } of pods) ips[metadata.name] = status.podIP;
  }, timeoutMs);
  afterAll(() => cluster?.remove(), timeoutMs);

  const inPod = async (pod: string, command: string) =>
    (await cluster.kubectlWith('kubectl', ['exec', pod, '--', 'sh', '-c', command])).stdout;
  /** Which address the libraries of the pod find; ping tells it whether or not somebody answers. */
  const found = async (pod: string, name: string) =>
    /^PING \S+ \(([^)]+)\)/m.exec(await inPod(pod, `ping -c1 -W1 ${name} 2>&1`))?.[1];
  const dig = (...args: string[]) => cluster.node(1).machine.exec('dig', `@${dnsIp}`, '+short', ...args);
  const expectDig = (expected: readonly string[], ...args: string[]) =>
    eventually(args.join(' '), async () =>
      expect((await dig(...args)).trim().split('\n').toSorted()).toEqual(expected),
    );

  it('pods find services by every form of their names, also those of other nodes', async () => {
    for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local']) {
      expect(await inPod('client', `wget -qO- http://${name}/`)).toBe('web\n');
    }
    expect(await inPod('client', 'nslookup kubernetes.default.svc.cluster.local')).toContain('10.96.0.1');
    expect(await inPod('client', 'cat /etc/resolv.conf')).toMatch(
      /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*nameserver 10\.96\.0\.10\n.*options ndots:5/s,
    );
  });

  it('glibc finds them as well', async () => {
    const { machine } = cluster.node(1);
    const config = 'search default.svc.cluster.local svc.cluster.local\\nnameserver 10.96.0.10\\noptions ndots:5\\n';
    const script = (name: string) =>
      `printf '${config}' >/tmp/resolv && mount --bind /tmp/resolv /etc/resolv.conf && getent ahostsv4 ${name}`;
    const lookUp = (name: string) => machine.exec('unshare', '--mount', 'sh', '-c', script(name));
    expect(await lookUp('db-0.db')).toContain(`${ips.first} `);
    expect(await lookUp('outside')).toContain('203.0.113.5');
    await expect(lookUp('nope')).rejects.toThrow('exit code 2');
  });

  it('pods have names by host name and subdomain, by their addresses, and backwards', async () => {
    await expectDig([ips.first ?? ''], 'db-0.db.default.svc.cluster.local');
    await expectDig([ips.first ?? ''], 'db.default.svc.cluster.local');
    const dashed = ips.web?.replaceAll('.', '-');
    await expectDig([ips.web ?? ''], `${dashed}.default.pod.cluster.local`);
    await expectDig(['db-0.db.default.svc.cluster.local.'], '-x', ips.first ?? '');
    await expectDig(['0 100 8080 db-0.db.default.svc.cluster.local.'], '_web._tcp.db.default.svc.cluster.local', 'SRV');
    expect(await inPod('first', 'hostname -f')).toBe('db-0.db.default.svc.cluster.local\n');
  });

  it('services are aliases of names inside and outside', async () => {
    const address = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    expect(await found('client', 'inside')).toBe(address);
    expect(await found('client', 'outside')).toBe('203.0.113.5');
    await cluster.kubectl(['patch', 'service', 'inside', '-p', '{"spec":{"externalName":"www.lan.example"}}']);
    await expectDig(['203.0.113.5', 'www.lan.example.'], 'inside.default.svc.cluster.local');
    await cluster.kubectl([
      'patch',
      'service',
      'inside',
      '-p',
      '{"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":80}]}}',
    ]);
    const now = await cluster.kubectl(['get', 'service', 'inside', '-o', 'jsonpath={.spec.clusterIP}']);
    await expectDig([now], 'inside.default.svc.cluster.local');
  });

  it('pods that are not ready have a name where the service wants it', async () => {
    const never = { readinessProbe: { exec: { command: ['false'] }, periodSeconds: 1 } };
    const containers = [
      { name: 'c', image, command: ['sleep', '3600'], ports: [{ name: 'web', containerPort: 8080 }], ...never },
    ];
    await cluster.apply(aPod('late', 0, { spec: { containers } }));
    await eventually('its address', async () => {
      ips.late = await cluster.kubectl(['get', 'pod', 'late', '-o', 'jsonpath={.status.podIP}']);
      expect(ips.late).not.toBe('');
    });
    await expectDig([ips.late ?? ''], 'late.default.svc.cluster.local');
    await cluster.kubectl(['patch', 'service', 'late', '-p', '{"spec":{"publishNotReadyAddresses":false}}']);
    await eventually('it to go', async () =>
      expect(await cluster.node(0).machine.exec('dig', `@${dnsIp}`, 'late.default.svc.cluster.local')).toContain(
        'NXDOMAIN',
      ),
    );
  });

  it('aliases on a network are names for its pods, and for nobody else', async () => {
    type Annotated = { metadata: { annotations: Record<string, string> } };
    const addressOn = async (pod: string) => {
      const { metadata } = await cluster.get<Annotated>('pod', pod);
      const status = JSON.parse(metadata.annotations['k8s.v1.cni.cncf.io/network-status'] ?? '[]') as {
        interface: string;
        ips: string[];
      }[];
      return status.find((each) => each.interface === 'net1')?.ips[0] ?? 'none';
    };
    const [one, two] = [await addressOn('one'), await addressOn('two')];
    await eventually('one name', async () => expect(await found('two', 'main')).toBe(one));
    const shared = await inPod('one', 'nslookup store.back.networks.cluster.local');
    for (const address of [one, two]) expect(shared).toContain(address);
    expect(await inPod('two', 'nslookup main')).toContain(one);
    expect(await found('web', 'main')).toBeUndefined();
    expect(await inPod('web', 'nslookup store.back.networks.cluster.local 2>&1')).toContain('NXDOMAIN');
  });

  it('a domain has servers of its own when the ConfigMap says so', async () => {
    const record = (port: number, address: string) => [`--port=${port}`, `--host-record=www.corp.example,${address}`];
    const stub = cluster.lan.router.start('dnsmasq', [
      '--no-resolv',
      '--no-hosts',
      '--no-daemon',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=root',
      ...record(5353, '203.0.113.9'),
    ]);
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      data: { stubDomains: '{"corp.example": ["192.168.100.1:5353"]}' },
    });
    await expectDig(['203.0.113.9'], 'www.corp.example');
    await expectDig(['203.0.113.5'], 'www.lan.example');
    await stub.end('SIGTERM');
  });

  it('endpoints by hand are served by name', async () => {
    await cluster.apply(aService('hand', { clusterIP: 'None', ports: [{ port: 80 }] }));
    const subsets = [{ addresses: [{ ip: '192.168.100.1' }], ports: [{ port: 80 }] }];
    await cluster.apply({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'hand' }, subsets });
    await expectDig(['192.168.100.1'], 'hand.default.svc.cluster.local');
  });

  describe('a service', () => {
    const slice = (name: string, service: string, ip: string | undefined, port: number) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [ip] }],
      ports: [{ name: 'web', port }],
    });
    const many = async (command: string) => {
      const said = await inPod('client', `for i in 1 2 3 4 5 6 7 8 9 10; do ${command}; done`);
      return [...new Set(said.trim().split('\n'))].toSorted();
    };

    it('keeps a client at its pod as long as it is told to, by its own address and by the nodes’', async () => {
      await cluster.apply(aService('pair', { type: 'NodePort', ports: [{ name: 'web', port: 80 }] }));
      for (const pod of ['web', 'first']) await cluster.apply(slice(`pair-${pod}`, 'pair', ips[pod], 8080));
      const port = await cluster.kubectl(['get', 'service', 'pair', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
      const ways = ['wget -qO- http://pair/', `wget -qO- http://${cluster.node(0).address}:${port}/`];
      for (const affinity of ['None', 'ClientIP', 'None']) {
        await cluster.kubectl([
          'patch',
          'service',
          'pair',
          '-p',
          JSON.stringify({ spec: { sessionAffinity: affinity } }),
        ]);
        for (const way of ways) {
          await eventually(`${affinity}: ${way}`, async () =>
            expect(await many(way)).toHaveLength(affinity === 'None' ? 2 : 1),
          );
        }
      }
      expect(await many('wget -qO- http://pair/')).toEqual(['db-0', 'web']);
    });

    it('has several ports, and one for two protocols', async () => {
      const listen = (kind: string, said: string) => `socat ${kind},fork SYSTEM:'echo ${said}' &`;
      const servers = [
        listen('TCP4-LISTEN:8080', 'stream'),
        listen('UDP4-RECVFROM:8080', 'datagram'),
        listen('TCP4-LISTEN:8081', 'side'),
      ];
      const container = {
        name: 'c',
        image,
        command: ['chroot', '/machine', 'sh', '-c', `${servers.join(' ')} while :; do sleep 1; done`],
        volumeMounts: [{ name: 'machine', mountPath: '/machine' }],
      };
      const volumes = [{ name: 'machine', hostPath: { path: '/' } }];
      await cluster.apply(aPod('dual', 0, { spec: { containers: [container], volumes } }));
      const wanted = [
        { name: 'stream', port: 80, targetPort: 8080 },
        { name: 'datagram', port: 80, targetPort: 8080, protocol: 'UDP' },
        { name: 'side', port: 81, targetPort: 8081 },
      ];
      await cluster.apply(aService('ports', { selector: { app: 'dual' }, ports: wanted }));
      const address = await cluster.kubectl(['get', 'service', 'ports', '-o', 'jsonpath={.spec.clusterIP}']);
      const ask = (where: string) => cluster.node(1).machine.run('sh', ['-c', `echo q | socat -T1 - ${where}`]);
      for (const [where, said] of [
        [`TCP4:${address}:80`, 'stream\n'],
        [`UDP4:${address}:80`, 'datagram\n'],
        [`TCP4:${address}:81`, 'side\n'],
      ] as const) {
        await eventually(where, async () => expect((await ask(where)).stdout).toBe(said));
      }
    });
  });

  describe('a proxy', () => {
    const raw = (path: string) => cluster.kubectl(['get', '--raw', `/api/v1/namespaces/default/${path}`]);
    /** curl as the administrator, for what kubectl does not do. */
    const curl = async (method: string, path: string, ...more: string[]) => {
      const [cert, key, ca] = ['client-certificate-data', 'client-key-data', 'certificate-authority-data'];
      const part = (name: string) => `grep ${name} ${cluster.kubeconfig} | sed 's/.*: //' | tr -d '"' | base64 -d`;
      const script = `cd $(mktemp -d); ${part(cert)} >cert; ${part(key)} >key; ${part(ca)} >ca; server=$(grep server: ${cluster.kubeconfig} | sed 's/.*server: //' | tr -d '"'); curl -s --max-time 10 --cert cert --key key --cacert ca -X ${method} "$@" "$server/api/v1/namespaces/default/${path}"`;
      return cluster.control.exec('sh', '-c', script, 'sh', ...more);
    };

    it.each([
      'services/web/proxy/',
      'services/web:80/proxy/',
      'services/http:web:web/proxy/index.html',
      'pods/web/proxy/',
      'pods/http:web:8080/proxy/',
    ])('leads through %s', async (path) => {
      expect(await raw(path)).toBe('web\n');
    });

    it('hands on methods, paths, queries and bodies', async () => {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
        // Programs behind busybox's server are given the body of this method alone.
        const body = method === 'POST' ? ['--data-binary', 'body'] : [];
        const answer = await curl(method, 'services/web/proxy/cgi-bin/echo/some/path?a=1', ...body);
        expect(answer).toBe(`${method} /some/path a=1\n${body.length > 0 ? 'body' : ''}`);
      }
    });

    it('sends one who asks for nothing to its root, and says why nobody answers', async () => {
      const head = await curl('GET', 'pods/web/proxy?x=1', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}');
      expect(head).toMatch(/^301 https:\/\/[^/]+\/api\/v1\/namespaces\/default\/pods\/web\/proxy\/\?x=1$/);
      await expect(raw('services/late/proxy/')).rejects.toThrow('no endpoints available for service "late"');
      await expect(raw('services/web:81/proxy/')).rejects.toThrow('no service port 81 found for service "web"');
      await expect(raw('pods/web:9/proxy/')).rejects.toThrow('error trying to reach service');
      await expect(raw('pods/nope/proxy/')).rejects.toThrow('pods "nope" not found');
    });

    it('reaches a node’s agent, whose metrics tell of DNS', async () => {
      const text = await cluster.kubectl(['get', '--raw', `/api/v1/nodes/${cluster.node(1).name}/proxy/metrics`]);
      expect(text).toMatch(
        /coredns_dns_requests_total\{server="dns:\/\/:53",zone="cluster\.local\.",view="",proto="udp",family="1",type="A"\} \d+/,
      );
      expect(text).toMatch(/coredns_dns_responses_total\{.*rcode="NXDOMAIN",plugin="kubernetes"\}/);
    });
  });

  it('are answered while the API server is away, also by an agent that starts meanwhile', async () => {
    const node = cluster.node(1);
    const address = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    const ask = (name: string) => node.machine.exec('dig', `@${dnsIp}`, '+tries=1', '+time=2', name);
    expect(await ask('web.default.svc.cluster.local')).toContain(address);
    await cluster.endControl('SIGKILL');
    expect(await ask('web.default.svc.cluster.local')).toContain(address);
    await node.endAgent('SIGTERM');
    const starting = node.startAgent().catch(() => {}); // it is not ready before the API server is back
    await eventually('DNS of the new agent', async () =>
      expect(await ask('web.default.svc.cluster.local')).toContain(address),
    );
    expect(await ask('never-asked.default.svc.cluster.local')).toContain('SERVFAIL');
    await cluster.startControl();
    await starting;
    await eventually('to know again what is not', async () =>
      expect(await ask('never-asked.default.svc.cluster.local')).toContain('NXDOMAIN'),
    );
    expect(lanServer.isRunning).toBe(true);
  });
});
