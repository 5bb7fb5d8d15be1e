import { StatusError } from '@slipway/api/status-error';
import type { Endpoints, Node, Pod, Service } from '@slipway/api/types';
import type { Random } from '@slipway/kit/random';
import type { ConnectRequest } from '../../http/connect.ts';
import { type AgentConnection, agentAddress, agentAddressOfNode } from '../agent-connection.ts';
import { openTunnel } from './agent-tunnel.ts';
import { dialAddress, runProxy } from './proxy-request.ts';
import { type ProxyName, type ProxyTarget, parseProxyName, targetOfPod, targetOfService } from './proxy-target.ts';

/**
 * `pods/NAME/proxy/PATH`, `services/NAME/proxy/PATH`, `nodes/NAME/proxy/PATH`: the request is handed on to a port of a
 * pod, of one of a service's endpoints, or to a node's agent. To pods it goes through the agent of their node, so the
 * API server need not reach their network.
 */
export async function serveProxy(request: ConnectRequest, agents: AgentConnection, random: Random): Promise<void> {
  const { address, object, read } = request;
  const name = parseProxyName(address.name ?? '');
  if (!name) throw new StatusError('BadRequest', `invalid ${address.resource} request ${JSON.stringify(address.name)}`);
  if (address.resource === 'nodes') return serveNode(request, object as Node, agents);
  const target = address.resource === 'pods' ? targetOfPod(name, object as Pod) : serviceTarget(name, request, random);
  await runProxy(request, target, async () => {
    const { pod, port } = target;
    const running = pod && (read('pods', '', pod.namespace, pod.name) as Pod | undefined);
    if (!pod || !running) return dialAddress(target);
    const node = running.spec.nodeName ? read('nodes', '', undefined, running.spec.nodeName) : undefined;
    return openTunnel(agents, agentAddress(running, node as Node | undefined), { ...pod, port });
  });
}

function serviceTarget(name: ProxyName, { object, read }: ConnectRequest, random: Random): ProxyTarget {
  const endpoints = read('endpoints', '', object.metadata.namespace, name.name) as Endpoints | undefined;
  return targetOfService(name, object as Service, endpoints, random);
}

async function serveNode(request: ConnectRequest, node: Node, agents: AgentConnection): Promise<void> {
  const agent = agentAddressOfNode(node.metadata.name ?? '', node);
  // The connection is encrypted already, with certificates on both sides.
  await runProxy(request, { scheme: 'http', address: agent.host, port: agent.port }, () => agents.dial(agent));
}
