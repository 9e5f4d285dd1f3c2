# mypy: ignore-errors
# Written as for NiFi's old Jython engine: Java exceptions are caught by their classes, and raised.
from java.io import IOException
from java.lang import IllegalArgumentException, Integer, NumberFormatException
from org.apache.nifi.processor.exception import ProcessException
from org.apache.nifi.processor.io import OutputStreamCallback

caught = []
try:
    Integer.parseInt('seven')
except NumberFormatException as e:
    caught.append('NumberFormatException')
try:
    Integer.parseInt('seven')
except IllegalArgumentException as e:
    caught.append(e.getMessage())


class Fails(OutputStreamCallback):
    def process(self, outputStream):
        raise KeyError('raised in a callback')


flowFile = session.create()
try:
    session.write(flowFile, Fails())
except KeyError as e:
    caught.append(e.args[0])
try:
    raise ProcessException('raised by the script')
except ProcessException as e:
    caught.append(e.getMessage())
try:
    raise IOException('as its own')
except IOException as e:
    caught.append(str(e))

flowFile = session.putAttribute(flowFile, 'caught', '|'.join(caught))
session.transfer(flowFile, REL_SUCCESS)
