# mypy: ignore-errors
# Written as for NiFi's old Jython engine: two callbacks with state, attributes from a Java map, failure by hand.
import sys
import traceback
from java.lang import Exception as JavaException, String, System
from java.nio.charset import StandardCharsets
from java.util import ArrayList, HashMap
from org.apache.commons.io import IOUtils
from org.apache.nifi.processor.io import InputStreamCallback, OutputStreamCallback


class Reader(InputStreamCallback):
    def __init__(self):
        self.lines = []

    def process(self, inputStream):
        for line in IOUtils.readLines(inputStream, StandardCharsets.UTF_8):
            self.lines.append(line)


class Writer(OutputStreamCallback):
    def __init__(self, lines):
        self.lines = lines

    def process(self, outputStream):
        for line in self.lines:
            outputStream.write(bytearray((line + '\n').encode('utf-8')))


flowFiles = session.get(100)
for flowFile in flowFiles:
    try:
        reader = Reader()
        session.read(flowFile, reader)
        children = ArrayList()
        for line in reader.lines:
            child = session.create(flowFile)
            child = session.write(child, Writer([line, greeting.evaluateAttributeExpressions(flowFile).getValue()]))
            attributes = HashMap()
            attributes.put('line', line)
            attributes.put('length', String.valueOf(String(line).length()))
            attributes.put('started', str(System.currentTimeMillis() > 0))
            child = session.putAllAttributes(child, attributes)
            child = session.putAllAttributes(child, {'parent': flowFile.getAttribute('uuid'), 'size': str(flowFile.size)})
            children.add(child)
        session.transfer(children, REL_SUCCESS)
        session.remove(flowFile)
    except JavaException as e:
        log.error('Java error: ' + e.getMessage())
        session.transfer(flowFile, REL_FAILURE)
    except Exception as e:
        traceback.print_exc(file=sys.stdout)
        log.error('something went wrong: ' + str(e))
        session.transfer(flowFile, REL_FAILURE)
