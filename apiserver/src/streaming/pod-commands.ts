/** Commands in containers for those in this process: what `kubectl exec -it` does, with the same admission, in the name of a user whose right the caller has checked. */
import { StatusError } from '@slipway/api/status-error';
import type { Node, Pod } from '@slipway/api/types';
import type { WebSocket } from 'ws';
import type { Admission } from '../admission/admission.ts';
import { reviewConnect } from '../http/connect.ts';
import type { ServedKinds } from '../registry/kinds.ts';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import { type AgentConnection, agentAddress } from './agent-connection.ts';
import { channelProtocols } from './channel-protocol.ts';

export interface PodCommand {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly container: string;
  readonly command: readonly string[];
}

export interface PodCommands {
  pod(namespace: string, name: string): Pod | undefined;
  node(name: string): Node | undefined;
  /** Starts a command on a terminal; its channels are those of `channel-protocol.ts`. The socket is paused. Rejects with StatusError. */
  start(command: PodCommand, signal: AbortSignal): Promise<WebSocket>;
}

export interface PodCommandsDeps {
  readonly kinds: ServedKinds;
  readonly admission: Admission;
  readonly read: StrategyContext['read'];
  agents(): Promise<AgentConnection>;
}

export function createPodCommands({ kinds, admission, read, agents }: PodCommandsDeps): PodCommands {
  const pod = (namespace: string, name: string) => read('pods', '', namespace, name) as Pod | undefined;
  const node = (name: string) => read('nodes', '', undefined, name) as Node | undefined;
  return {
    pod,
    node,
    async start({ user, namespace, pod: { name, uid }, container, command }, signal) {
      const address = {
        group: '',
        version: 'v1',
        resource: 'pods',
        namespace,
        name,
        subresource: 'exec',
        rest: '',
        isWatch: false,
      };
      const served = kinds.find(address);
      const found = pod(namespace, name);
      if (!served || !found || found.metadata.uid !== uid) {
        throw new StatusError('NotFound', `pods ${JSON.stringify(name)} not found`);
      }
      const query = new URLSearchParams({ container, stdin: 'true', stdout: 'true', tty: 'true' });
      const parameters = new URLSearchParams({ input: '1', output: '1', tty: '1' });
      for (const word of command) {
        query.append('command', word);
        parameters.append('command', word);
      }
      await reviewConnect(admission, { user, served, address, query, signal });
      const agentPath = `/exec/${namespace}/${name}/${container}?${parameters}`;
      const connection = await agents();
      const agent = agentAddress(found, node(found.spec.nodeName ?? ''));
      return connection.webSocket(agent, agentPath, channelProtocols, (socket) => socket.pause());
    },
  };
}
