"""AWS's protocols, by botocore's service models: JSON 1.0 and 1.1, Query, REST with JSON or XML.

A request becomes an operation and its members as boto3 shows them (bytes for blobs, seconds for time stamps); an
answer or an error takes the form in which an unmodified SDK expects it. No service is known here but by its model.
"""
