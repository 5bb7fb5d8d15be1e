import type { IncomingMessage } from 'node:http';
import { type AgentAddress, type AgentConnection, readText, statusFrom } from './agent-connection.ts';

/** Query parameters of a log request that the agent understands; others are refused before. */
export const logParameters = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
] as const;

export interface LogRequest {
  readonly address: AgentAddress;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly query: URLSearchParams;
}

/** The log as a stream of plain text. Throws `StatusError` with what the agent says. */
export async function openPodLog(
  request: LogRequest,
  agents: AgentConnection,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const query = new URLSearchParams();
  for (const name of logParameters) {
    const value = request.query.get(name);
    if (value !== null) query.set(name, value);
  }
  const path = `/containerLogs/${request.namespace}/${request.pod}/${request.container}?${query}`;
  const response = await agents.get(request.address, path, signal);
  if (response.statusCode === 200) return response;
  throw statusFrom(await readText(response), response.statusCode ?? 500);
}
