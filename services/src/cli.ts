// node services/src/cli.ts up|down|status|doctor|pin [NAME …]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sumsFile, sumsOf } from './checksums.ts'
import { diagnose } from './doctor.ts'
import { readInstances } from './instance.ts'
import { download } from './maven.ts'
import { type ServerName, serverNames, servers } from './servers/index.ts'
import { Service, service } from './service.ts'
import { table } from './table.ts'

const usage = `npm run services -- COMMAND [NAME …]

  up       starts servers and waits until they answer
  down     stops them and takes their data away
  status   what runs, and where
  doctor   what this machine lacks, and the command that gets it
  pin      fetches a server's files anew and records their checksums

Servers: ${serverNames.join(', ')}; all of them where none is named.`

const commands: Readonly<Record<string, (names: readonly ServerName[]) => Promise<number>>> = {
  up,
  down,
  status,
  doctor,
  pin,
}

process.exitCode = await main(process.argv.slice(2))

async function main([word = '', ...names]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined
  const unknown = names.filter((name) => !Object.hasOwn(servers, name))
  if (command === undefined || unknown.length > 0) {
    console.error(unknown.length > 0 ? `There is no server named ${unknown.join(', ')}.\n` : '')
    console.error(usage)
    return 2
  }
  const chosen = names.length === 0 ? serverNames : (names as ServerName[])
  return command(chosen)
}

async function up(names: readonly ServerName[]): Promise<number> {
  let failures = 0
  for (const name of names) {
    const started = performance.now()
    try {
      const report = (line: string): void => console.log(`${name}: ${line}`)
      const { address } = await service(name, { report })
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(`${name}: answers at ${address} after ${seconds} s`)
    } catch (error) {
      failures++
      console.error(`${name}: ${(error as Error).message}`)
    }
  }
  return failures === 0 ? 0 : 1
}

async function down(names: readonly ServerName[]): Promise<number> {
  for (const instance of readInstances().filter(({ server }) => names.includes(server))) {
    await new Service(instance).remove()
    console.log(`${instance.server} (${instance.name}): gone`)
  }
  return 0
}

async function status(names: readonly ServerName[]): Promise<number> {
  const instances = readInstances().filter(({ server }) => names.includes(server))
  const rows = instances.map((instance) => {
    const { name, instance: which, address, isRunning, isPaused, directory } = new Service(instance)
    const state = isPaused ? 'paused' : isRunning ? 'running' : 'down'
    return [name, which, state, address, directory]
  })
  if (rows.length === 0) console.log('No server is up.')
  else console.log(table(['server', 'instance', 'state', 'address', 'directory'], rows))
  return 0
}

async function doctor(names: readonly ServerName[]): Promise<number> {
  const findings = names.flatMap(diagnose)
  console.log(
    table(
      ['server', 'needs', 'found', 'get it with'],
      findings.map(({ server, what, found, remedy }) => [
        server,
        what,
        found ?? 'MISSING',
        found === undefined ? remedy : '',
      ]),
    ),
  )
  return findings.every(({ found }) => found !== undefined) ? 0 : 1
}

async function pin(names: readonly ServerName[]): Promise<number> {
  for (const name of names) {
    const { jars } = servers[name]
    if (jars === undefined) continue
    const workshop = mkdtempSync(join(tmpdir(), 'daybook-pin-'))
    try {
      const into = join(workshop, 'lib')
      await download(jars, into, (line) => console.log(`${name}: ${line}`))
      writeFileSync(sumsFile(jars.name), sumsOf(into))
    } finally {
      rmSync(workshop, { recursive: true, force: true })
    }
    console.log(`${name}: recorded in ${sumsFile(name)}`)
  }
  return 0
}
