import { rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { installServer } from './install.ts'
import {
  directoryOf,
  type Instance,
  newId,
  readInstance,
  readInstances,
  writeInstance,
} from './instance.ts'
import { withLock } from './lock.ts'
import { areFree, claimPorts, type Ports } from './ports.ts'
import type { Report } from './report.ts'
import type { Runner } from './runner.ts'
import { chooseRunner, runners } from './runners.ts'
import { host, type Server, type ServiceOptions } from './server.ts'
import { type ServerName, servers } from './servers/index.ts'
import { waitUntil } from './wait-until.ts'

/** Which instance of a server is wanted, and how it differs from the others. */
export interface ServiceRequest extends ServiceOptions {
  /** A name for a further one, on ports and data of its own. Default: `main`, which all share. */
  readonly instance?: string
  /** Is told what happens, line by line. */
  readonly report?: Report
}

/**
 * A real server on the loopback address, running and answering. It is started unless it runs already;
 * it outlives this process until somebody calls `remove`, or `npm run services down`.
 *
 * @throws Error with the server's name, what is missing and what to do, or the end of its log
 */
export async function service(name: ServerName, request: ServiceRequest = {}): Promise<Service> {
  const { instance = 'main', report = () => {}, ...options } = request
  const directory = directoryOf(name, instance)
  return withLock(`${directory}.lock`, async () => {
    const known = readInstance(directory)
    if (known === undefined) return create(name, instance, options, report)
    if (!isDeepStrictEqual(known.options, options)) {
      throw new Error(`${name} (${instance}) has other options. Give this one an instance name.`)
    }
    const service = new Service(known)
    await service.start(report)
    return service
  })
}

/** Starts a new instance, elsewhere where somebody else took its ports in the meantime. */
async function create(
  server: ServerName,
  name: string,
  options: ServiceOptions,
  report: Report,
): Promise<Service> {
  for (let tries = 3; ; tries--) {
    const kept = readInstances().flatMap((each) => Object.values(each.ports))
    using claim = await claimPorts(servers[server].ports, kept)
    const ports = claim.ports as Server['ports']
    const instance = {
      server,
      name,
      directory: directoryOf(server, name),
      id: newId(),
      ports,
      options,
      runner: chooseRunner(options),
    }
    rmSync(instance.directory, { recursive: true, force: true })
    writeInstance(instance)
    const service = new Service(instance)
    try {
      await service.start(report)
      return service
    } catch (error) {
      const lostPorts = !(await areFree(ports))
      await service.remove()
      if (!lostPorts || tries === 1) throw error
      report('somebody else has its ports now; trying others')
    }
  }
}

/** A handle on an instance of a server. Several, in several processes, may be on the same one. */
export class Service {
  readonly name: ServerName
  readonly instance: string
  /** Where it lives: configuration, data, log. */
  readonly directory: string
  readonly host: string = host
  /** The ports it listens at, by what they are for. */
  readonly ports: Ports
  readonly #server: Server
  readonly #place: Instance
  readonly #runner: Runner

  constructor(instance: Instance) {
    this.name = instance.server
    this.instance = instance.name
    this.directory = instance.directory
    this.ports = instance.ports
    this.#server = servers[instance.server]
    this.#place = instance
    this.#runner = runners[instance.runner]
  }

  /** The port for clients. */
  get port(): number {
    return this.#place.ports.client
  }

  /** `host:port` for clients. */
  get address(): string {
    return `${host}:${this.port}`
  }

  get isRunning(): boolean {
    return this.#runner.isRunning(this.#place)
  }

  get isPaused(): boolean {
    return this.#runner.isPaused(this.#place)
  }

  /** All that it printed since its first start. */
  get log(): string {
    return this.#runner.log(this.#place)
  }

  /** Starts it on the data it has, at the ports it had. Resolves once it answers. */
  async start(report: Report = () => {}): Promise<void> {
    if (!this.isRunning) {
      if (this.#place.runner === 'process') await installServer(this.#server, report)
      if (!(await areFree(this.ports))) throw new Error(`${this.#title} finds its ports taken.`)
      await this.#runner.start(this.#server, this.#place)
    }
    this.#runner.resume(this.#place)
    try {
      await this.#waitUntilItAnswers()
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  /** An orderly end, as by a system that shuts down. Data stay. */
  async stop(): Promise<void> {
    await this.#runner.stop(this.#place, this.#server.stopLimitMs)
    await this.#untilPortsAreFree()
  }

  /** Ends it at once, by SIGKILL. Resolves when it is gone. Data stay as they were. */
  async kill(): Promise<void> {
    await this.#runner.kill(this.#place)
    await this.#untilPortsAreFree()
  }

  /** Stops it in its tracks (SIGSTOP): connections are accepted and kept, nothing is answered. */
  pause(): void {
    this.#runner.pause(this.#place)
  }

  /** Lets a paused one go on. */
  resume(): void {
    this.#runner.resume(this.#place)
  }

  /** Empties it: without a restart where it runs, else by a start on fresh data. */
  async reset(): Promise<void> {
    if (this.isRunning) return this.#server.empty(this.#place)
    this.#server.forget?.(this.#place)
    this.#runner.clear(this.#place)
    await this.start()
  }

  /** Ends it and takes its data away. Its log stays, until the next one by its name. */
  async remove(): Promise<void> {
    await this.stop()
    this.#server.forget?.(this.#place)
    this.#runner.remove(this.#place)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove()
  }

  /** The threads of a process that was killed hold its sockets a moment longer than it has a pid. */
  async #untilPortsAreFree(): Promise<void> {
    await waitUntil(() => areFree(this.ports), 5_000, 20)
  }

  get #title(): string {
    return this.instance === 'main' ? this.name : `${this.name} (${this.instance})`
  }

  async #waitUntilItAnswers(): Promise<void> {
    const answers = async (): Promise<boolean> => {
      const yes = await this.#server.answers(this.#place).catch(() => false)
      if (!this.isRunning) throw new Error(`${this.#title} ended by itself:\n${this.#endOfLog()}`)
      return yes
    }
    const limitMs = this.#server.startLimitMs
    if (await waitUntil(answers, limitMs)) return
    throw new Error(`${this.#title} gave no answer for ${limitMs / 1000} s:\n${this.#endOfLog()}`)
  }

  #endOfLog(): string {
    const lines = this.log.trimEnd().split('\n').slice(-30)
    return lines.map((line) => line.slice(0, 400)).join('\n')
  }
}
