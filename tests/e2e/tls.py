"""Ends TLS in front of a service, as a proxy does: python3 tls.py CERTIFICATE KEY PORT TARGET"""

import asyncio
import ssl
import sys

certificate, key, port, target = sys.argv[1:]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(target))
    await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(connected, "127.0.0.1", int(port), ssl=context)
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main())
