import { constants } from 'node:os'
import { removeWhatComes, type ServerName, type ServiceRequest, service } from '@daybook/services'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Works with a server, which is started unless it runs, and then taken away again, however the work ends:
 * also by Ctrl-C.
 */
export async function withServer<T>(
  name: ServerName,
  request: Omit<ServiceRequest, 'report'>,
  work: (address: string) => Promise<T>,
): Promise<T> {
  const remove = removeWhatComes([name], request.instance)
  const interrupted = (signal: (typeof signals)[number]): void =>
    void remove().finally(() => process.exit(128 + constants.signals[signal]))
  for (const signal of signals) process.once(signal, interrupted)
  const report = (line: string): void => void process.stderr.write(`${name}: ${line}\n`)
  try {
    const { address } = await service(name, { ...request, report })
    return await work(address)
  } finally {
    for (const signal of signals) process.off(signal, interrupted)
    await remove()
  }
}
